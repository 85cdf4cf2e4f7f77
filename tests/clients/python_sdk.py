"""A little telemetry of every kind, recorded and exported by the OpenTelemetry SDK for Python."""

from typing import NamedTuple

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AnyValue

from tests.clients.sent import Ids

BEGAN_NS = 1_767_225_600_123_456_789
SCOPE, VERSION, SCHEMA = "shop.checkout", "2.1", "https://example.com/schemas/1"
MORE_SPANS = 1_000
"""More than the SDK puts into one request."""

ATTRIBUTES: dict[str, AnyValue] = {
    "text": "Grüße, 世界 🎉",
    "empty": "",
    "yes": True,
    "no": False,
    "zero": 0,
    "exact": 2**63 - 1,
    "least": -(2**63),
    "ratio": 0.1,
    "whole": 3.0,
    "texts": ["a", "b"],
    "numbers": [1, 2**53 + 1],
    "ratios": [0.5, 1.5],
    "flags": [True, False],
}
SPELLED = {
    "text": "Grüße, 世界 🎉",
    "empty": "",
    "yes": "true",
    "no": "false",
    "zero": "0",
    "exact": "9223372036854775807",
    "least": "-9223372036854775808",
    "ratio": "0.1",
    "whole": "3",
    "texts": '["a","b"]',
    "numbers": "[1,9007199254740993]",
    "ratios": "[0.5,1.5]",
    "flags": "[true,false]",
}
"""`ATTRIBUTES` as they must be stored."""

BODY: AnyValue = {"order": {"id": 7, "items": ["tea", 2.5, None], "paid": True}, "raw": b"\x00\xff"}
SPELLED_BODY = '{"order":{"id":7,"items":["tea",2.5,null],"paid":true},"raw":"AP8="}'


class Exporters(NamedTuple):
    """Where each signal goes to."""

    spans: SpanExporter
    logs: LogRecordExporter
    metrics: MetricExporter


def exporters(transport: str) -> Exporters:
    """Exporters over "grpc" or "http", configured by OpenTelemetry's variables in the environment."""
    if transport == "grpc":
        return Exporters(grpc_traces.OTLPSpanExporter(), grpc_logs.OTLPLogExporter(), grpc_metrics.OTLPMetricExporter())
    return Exporters(http_traces.OTLPSpanExporter(), http_logs.OTLPLogExporter(), http_metrics.OTLPMetricExporter())


def record(exporters: Exporters, service: str) -> Ids:
    """Record the telemetry as of `service`, and return once all of it is exported."""
    resource = Resource({"service.name": service, "host.cores": 8})
    ids = _record_spans(exporters.spans, resource)
    _record_logs(exporters.logs, resource, ids)
    _record_metrics(exporters.metrics, resource, ids)
    return ids


def _record_spans(exporter: SpanExporter, resource: Resource) -> Ids:
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer(SCOPE, VERSION, schema_url=SCHEMA, attributes={"tier": "gold"})
    elsewhere = SpanContext(0xABC, 0xDEF, is_remote=True)
    parent = tracer.start_span(
        "order",
        kind=SpanKind.SERVER,
        attributes=ATTRIBUTES,
        links=[Link(elsewhere, {"why": "retry"})],
        start_time=BEGAN_NS,
    )
    within = trace.set_span_in_context(parent)
    child = tracer.start_span("charge", within, kind=SpanKind.CLIENT, start_time=BEGAN_NS + 1)
    child.add_event("declined", {"attempt": 2}, BEGAN_NS + 2)
    child.set_status(Status(StatusCode.ERROR, "no funds"))
    child.end(BEGAN_NS + 3)
    parent.set_status(Status(StatusCode.OK))
    parent.end(BEGAN_NS + 1_000_000_001)
    for number in range(MORE_SPANS):
        tracer.start_span("one of many", attributes={"number": number}).end()
    provider.shutdown()
    trace_id, parent_id = trace.format_trace_id(parent.get_span_context().trace_id), parent.get_span_context().span_id
    return Ids(trace_id, trace.format_span_id(parent_id), trace.format_span_id(child.get_span_context().span_id))


def _record_logs(exporter: LogRecordExporter, resource: Resource, ids: Ids) -> None:
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger(SCOPE, VERSION, SCHEMA, {"tier": "gold"})
    logger.emit(
        timestamp=BEGAN_NS,
        context=_within_child(ids),
        severity_number=SeverityNumber.WARN2,
        severity_text="WARN2",
        body=BODY,
        attributes={**ATTRIBUTES, "nested": {"deep": [1, {"er": None}]}, "bytes": b"\xfb\xff"},
        event_name="order.declined",
    )
    logger.emit(timestamp=BEGAN_NS + 1, body="plain")
    provider.shutdown()


def _record_metrics(exporter: MetricExporter, resource: Resource, ids: Ids) -> None:
    # Its shutdown collects, and nothing else does: each point is exported once.
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    exponential = View(
        instrument_type=Histogram, instrument_name="sizes", aggregation=ExponentialBucketHistogramAggregation()
    )
    provider = MeterProvider([reader], resource, shutdown_on_exit=False, views=[exponential])
    meter = provider.get_meter(SCOPE, VERSION, SCHEMA, {"tier": "gold"})
    meter.create_counter("orders", "1", "Orders taken").add(2**53, {"paid": True}, _within_child(ids))
    meter.create_up_down_counter("queue", "s").add(-0.5)
    meter.create_gauge("load", "1", "Load of the machine").set(0.75, {"core": 3})
    durations = meter.create_histogram("durations", "ms", explicit_bucket_boundaries_advisory=[1.0, 10.0])
    sizes = meter.create_histogram("sizes", "By")
    for value in (0.5, 5.0, 50.0):
        durations.record(value)
        sizes.record(value)
    provider.shutdown()


def _within_child(ids: Ids) -> Context:
    sampled = SpanContext(int(ids.trace_id, 16), int(ids.child_id, 16), is_remote=False, trace_flags=TraceFlags(1))
    return trace.set_span_in_context(trace.NonRecordingSpan(sampled))
