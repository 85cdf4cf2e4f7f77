"""What rows an OTLP request must become: slow, plain Python over the official classes, and no line of our SQL.

The columns are those of the OpenTelemetry Collector's ClickHouse exporter with ours behind them; the spelling of
values is that of the Collector's pdata. Times are integers: nanoseconds since 1970, `IngestedAt` milliseconds.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.reference import logs, metrics, traces

Row = dict[str, Any]
Request = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest

REQUESTS: Mapping[str, type[Request]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
"""The official class of each signal's request."""

TABLES: Mapping[str, tuple[str, ...]] = {
    "traces": ("otel_traces",),
    "logs": ("otel_logs",),
    "metrics": (
        "otel_metrics_gauge",
        "otel_metrics_sum",
        "otel_metrics_histogram",
        "otel_metrics_exponential_histogram",
        "otel_metrics_summary",
    ),
}
"""The raw tables that each signal's rows may go to."""

_CONVERT: Mapping[str, Callable[[Any], dict[str, list[Row]]]] = {
    "traces": traces.rows,
    "logs": logs.rows,
    "metrics": metrics.rows,
}
_WRAPPED: Mapping[str, Callable[[Any], list[Row]]] = {
    "traces": traces.wrapped_times,
    "logs": logs.wrapped_times,
    "metrics": metrics.wrapped_times,
}


class Receipt(NamedTuple):
    """What the receiver adds to a request: whose it is, when it came (Unix ns), and the SHA-256 of its body."""

    tenant: str
    received_unix_nano: int
    digest: bytes


def tables(signal: str, request: Request, receipt: Receipt) -> dict[str, list[Row]]:
    """The rows of each raw table that `request` must become, in the request's order; a table without rows is absent."""
    stamp = {"TenantId": receipt.tenant, "IngestedAt": receipt.received_unix_nano // 1_000_000}
    return {table: [row | stamp for row in rows] for table, rows in _CONVERT[signal](request).items() if rows}


def errors(signal: str, request: Request, receipt: Receipt) -> list[Row]:
    """The rows of `ingest_errors`: refused spans, and times past 2^63 ns, which are stored wrapped to before 1970."""
    stamp = {
        "TenantId": receipt.tenant,
        "IngestedAt": receipt.received_unix_nano // 1_000_000,
        "Signal": signal,
        "Digest": receipt.digest.hex(),
    }
    refused = traces.refusals(request) if isinstance(request, ExportTraceServiceRequest) else []
    return [row | stamp for row in (*refused, *_WRAPPED[signal](request))]
