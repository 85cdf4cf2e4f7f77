"""Send a workload's steps as OTLP, through the OpenTelemetry SDK and its exporters: spans, events and metrics."""

import time
from random import Random

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from spanhouse_server.demo.workload import Step

_BATCH_SPANS = 512
_METRICS_EVERY_MS = 5000
_SCOPE = "spanhouse.demo"


class Emitter:
    """Where the demo sends to: `endpoint` is the base of OTLP/HTTP, `headers` go with every request.

    `sent` and `refused` count spans by what the endpoint answered. Ids follow from `seed`.
    """

    def __init__(self, endpoint: str, headers: dict[str, str] | None, seed: int) -> None:
        self.sent = self.refused = 0
        self._exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", headers=headers)
        self._ended = _Ended()
        self._ids = _Ids(seed)
        self._tracers: dict[str, Tracer] = {}
        resource = _resource("desk")
        self._logs = LoggerProvider(resource=resource)
        self._logs.add_log_record_processor(
            BatchLogRecordProcessor(OTLPLogExporter(f"{endpoint}/v1/logs", headers=headers))
        )
        self._logger = self._logs.get_logger(_SCOPE)
        exporter = OTLPMetricExporter(f"{endpoint}/v1/metrics", headers=headers)
        self._metrics = MeterProvider([PeriodicExportingMetricReader(exporter, _METRICS_EVERY_MS)], resource=resource)
        meter = self._metrics.get_meter(_SCOPE)
        self._tokens = meter.create_histogram("gen_ai.client.token.usage", unit="{token}")
        self._duration = meter.create_histogram("gen_ai.client.operation.duration", unit="s")

    def emit(self, root: Step) -> int:
        """Record a trace that ends now, and return how many spans it has; full batches are sent."""
        now_ns = time.time_ns()
        self._record(root, now_ns - int(root.end_s * 1e9), None)
        if len(self._ended.spans) >= _BATCH_SPANS:
            self.flush()
        return sum(1 for _ in root.walk())

    def flush(self) -> None:
        """Send the spans recorded since; returns once the endpoint has answered."""
        batch, self._ended.spans = self._ended.spans, []
        if not batch:
            return
        if self._exporter.export(batch) is SpanExportResult.SUCCESS:
            self.sent += len(batch)
        else:
            self.refused += len(batch)

    def close(self) -> None:
        """Send what is left of every signal."""
        self.flush()
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the SDK forgot its annotation
        self._logs.shutdown()
        self._metrics.shutdown()

    def _record(self, step: Step, began_ns: int, context: Context | None) -> None:
        start_ns, end_ns = (began_ns + int(at * 1e9) for at in (step.start_s, step.end_s))
        span = self._tracer(step.service).start_span(
            step.name, context, step.kind, step.attributes, start_time=start_ns
        )
        inner = trace.set_span_in_context(span, Context())
        for child in step.children:
            self._record(child, began_ns, inner)
        if step.failure:
            self._report_failure(span, step, end_ns, inner)
        span.end(end_ns)
        if step.attributes["gen_ai.operation.name"] == "chat":
            self._measure(step)

    def _report_failure(self, span: Span, step: Step, end_ns: int, context: Context) -> None:
        assert step.failure is not None, "called for failed steps only"
        said = {"exception.type": step.failure.type, "exception.message": step.failure.message}
        span.set_status(Status(StatusCode.ERROR, step.failure.message))
        span.add_event("exception", said, end_ns)
        self._logger.emit(
            timestamp=end_ns,
            context=context,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body=f"{step.name} failed: {step.failure.message}",
            attributes=said,
            event_name="gen_ai.client.operation.exception",
        )

    def _measure(self, step: Step) -> None:
        about = {name: step.attributes[name] for name in ("gen_ai.operation.name", "gen_ai.request.model")}
        self._duration.record(step.end_s - step.start_s, about)
        for kind in ("input", "output"):
            used = step.attributes.get(f"gen_ai.usage.{kind}_tokens")
            if isinstance(used, int):
                self._tokens.record(used, {**about, "gen_ai.token.type": kind})

    def _tracer(self, service: str) -> Tracer:
        if service not in self._tracers:
            provider = TracerProvider(resource=_resource(service), id_generator=self._ids, shutdown_on_exit=False)
            provider.add_span_processor(self._ended)
            self._tracers[service] = provider.get_tracer(_SCOPE, "1.4.0")
        return self._tracers[service]


class _Ended(SpanProcessor):
    """Keeps ended spans until they are sent: the demo paces itself by the answers, and so drops none."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class _Ids(IdGenerator):
    """Trace and span ids that follow from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # a play, not a secret

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128) or 1

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64) or 1


def _resource(service: str) -> Resource:
    return Resource.create(
        {
            "service.name": service,
            "service.instance.id": f"{service}-1",
            "service.namespace": "research-desk",
            "service.version": "1.4.0",
            "deployment.environment.name": "demo",
        }
    )
