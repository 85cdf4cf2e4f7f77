"""A request serialised anew: the same meaning, in the one spelling that every reader of Protobuf understands.

Legal messages exist that ClickHouse does not read: an unknown field that is a group, a known field in another wire type
(which readers must skip), a field that comes twice. https://protobuf.dev/programming-guides/encoding/
"""

from google.protobuf.message import DecodeError

from spanhouse_collector.otlp.export import EXPORTS
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import envelope


def respell(record: bytes, signal: Signal) -> bytes:
    """The record with its request serialised anew; the record as it is when it is damaged or cannot be parsed."""
    try:
        content = envelope.decode(record)
        request = EXPORTS[signal].request.FromString(content.request)
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
