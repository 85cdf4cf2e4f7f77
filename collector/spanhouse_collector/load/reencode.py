"""A request serialised anew: the same meaning, in the one spelling that every reader of Protobuf understands.

Legal messages exist that ClickHouse does not read: an unknown field that is a group, a known field in another wire type
(which readers must skip), a field that comes twice. https://protobuf.dev/programming-guides/encoding/
"""

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import envelope

_REQUESTS: dict[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}


def respell(record: bytes, signal: Signal) -> bytes:
    """The record with its request serialised anew; the record as it is when it is damaged or cannot be parsed."""
    try:
        content = envelope.decode(record)
        request = _REQUESTS[signal].FromString(content.request)
    except (ValueError, DecodeError):
        return record
    # What is unknown to the class also holds what it knows in another wire type.
    request.DiscardUnknownFields()
    return envelope.encode(
        request.SerializeToString(),
        tenant=content.tenant,
        received_unix_nano=content.received_unix_nano,
        digest=content.digest,
        refused=content.refused,
    )
