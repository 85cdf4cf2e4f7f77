"""OTLP's Export calls: the service of each signal, and what is asked and answered as protobuf."""

from collections.abc import Mapping
from typing import NamedTuple, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from spanhouse_collector.signal import Signal


class Export(NamedTuple):
    """One signal's Export call."""

    request: type[Message]
    response: type[Message]
    # The field of a partial success that counts what was refused.
    rejected: str

    @property
    def request_descriptor(self) -> Descriptor:
        """What the request consists of."""
        # The C implementation's descriptors are of a class of their own, with the same interface.
        return cast("Descriptor", self.request.DESCRIPTOR)

    @property
    def service(self) -> str:
        """The full name of the gRPC service whose only method it is."""
        (service,) = self.request_descriptor.file.services_by_name.values()
        return service.full_name


EXPORTS: Mapping[Signal, Export] = {
    Signal.TRACES: Export(ExportTraceServiceRequest, ExportTraceServiceResponse, "rejected_spans"),
    Signal.LOGS: Export(ExportLogsServiceRequest, ExportLogsServiceResponse, "rejected_log_records"),
    Signal.METRICS: Export(ExportMetricsServiceRequest, ExportMetricsServiceResponse, "rejected_data_points"),
}
