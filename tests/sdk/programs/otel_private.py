"""Use each name of `_otel_private`, on whatever release of OpenTelemetry is installed: fail where one has gone."""

import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry import _logs, metrics, trace
from opentelemetry.context import Context, attach
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from spanhouse import _otel_private


class Refusing(BaseHTTPRequestHandler):
    """A receiver that refuses whatever it is sent."""

    def do_POST(self) -> None:
        """Refuse it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(400)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


receiver = HTTPServer(("127.0.0.1", 0), Refusing)
URL = f"http://127.0.0.1:{receiver.server_port}/v1/any"
spans = OTLPSpanExporter(endpoint=URL)
logs = OTLPLogExporter(endpoint=URL)
measured = OTLPMetricExporter(endpoint=URL, preferred_temporality={Counter: AggregationTemporality.DELTA})
tracing, logging_provider = TracerProvider(), LoggerProvider()


def stand_ins_are_told_from_providers() -> None:
    """See which providers are set."""
    assert _otel_private.is_unset(trace.get_tracer_provider())
    assert _otel_private.is_unset(_logs.get_logger_provider())
    assert _otel_private.is_unset(metrics.get_meter_provider())
    assert not any(map(_otel_private.is_unset, (tracing, logging_provider, MeterProvider())))


def a_provider_gets_another_resource() -> None:
    """Make a span of a tracer that was there before."""
    tracer = tracing.get_tracer("kept")
    for provider in (tracing, logging_provider):
        _otel_private.replace_resource(provider, Resource({"service.name": "another"}))
        assert provider.resource.attributes == {"service.name": "another"}
    span = tracer.start_span("any")
    assert isinstance(span, ReadableSpan)
    assert span.resource.attributes == {"service.name": "another"}


def endpoints_are_found() -> None:
    """Look into a provider with each processor of the SDK."""
    for processor in (SimpleSpanProcessor(spans), BatchSpanProcessor(spans)):
        provider = TracerProvider()
        provider.add_span_processor(processor)
        assert set(_otel_private.endpoints_in(provider)) == {URL}
    for log_processor in (SimpleLogRecordProcessor(logs), BatchLogRecordProcessor(logs)):
        log_provider = LoggerProvider()
        log_provider.add_log_record_processor(log_processor)
        assert set(_otel_private.endpoints_in(log_provider)) == {URL}


def parts_have_names() -> None:
    """Make what variables name, and read what an exporter prefers."""
    sampler = _otel_private.sampler_named("always_off")
    assert sampler is not None
    assert sampler.get_description() == "AlwaysOffSampler"
    assert isinstance(_otel_private.id_generator_named("random"), RandomIdGenerator)
    temporality, aggregation = _otel_private.preferences_of(measured)
    assert temporality is not None
    assert temporality[Counter] is AggregationTemporality.DELTA
    assert aggregation is not None


def exporters_complain_where_they_are_heard() -> None:
    """Export what is refused."""
    heard: set[str] = set()
    handler = logging.Handler()
    handler.emit = lambda record: heard.add(record.name)  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    spans.export([])
    logs.export([])
    measured.export(MetricsData([]))
    receiver.shutdown()
    assert heard
    assert heard <= set(_otel_private.EXPORTER_LOGGERS), heard


def clients_do_not_see_what_is_unseen() -> None:
    """Enter the context."""
    assert is_instrumentation_enabled()
    attach(_otel_private.unseen(Context()))
    assert not is_instrumentation_enabled()


stand_ins_are_told_from_providers()
a_provider_gets_another_resource()
endpoints_are_found()
parts_have_names()
exporters_complain_where_they_are_heard()
clients_do_not_see_what_is_unseen()
