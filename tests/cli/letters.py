"""Dead letters for tests, written as the loader writes them."""

import time
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import dead_letter, envelope
from spanhouse_collector.spool.dead_letter import DeadLetter


def write_letter(data_dir: Path, span_name: str, name: str) -> DeadLetter:
    """Put the letter `name` into the spool of `data_dir`: one request of the tenant acme, with one span."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name=span_name)
    span.trace_id, span.span_id = bytes(range(1, 17)), bytes(range(1, 9))
    record = envelope.encode(
        request.SerializeToString(), tenant="acme", received_unix_nano=time.time_ns(), digest=name.encode().ljust(32)
    )
    error = "Code: 6. DB::Exception: it says no"
    return dead_letter.write(data_dir / "spool", Signal.TRACES, name, [record], error=error)
