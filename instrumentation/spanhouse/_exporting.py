"""Where telemetry goes, and how it gets there: exporters as OpenTelemetry's variables say, each behind an outbox."""

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from os import environ
from sys import getsizeof
from typing import Any, Literal, Protocol, TypeVar

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.environment_variables import (
    OTEL_BLRP_MAX_EXPORT_BATCH_SIZE,
    OTEL_BLRP_MAX_QUEUE_SIZE,
    OTEL_BLRP_SCHEDULE_DELAY,
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_SCHEDULE_DELAY,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_EXPORTER_OTLP_PROTOCOL,
)
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.util.re import parse_env_headers

from spanhouse._otel_private import EXPORTER_LOGGERS, endpoints_in
from spanhouse._outbox import Outbox, Reasons, Schedule
from spanhouse.errors import SpanhouseError

Signal = Literal["traces", "logs", "metrics"]
T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

PROTOCOLS = ("http/protobuf", "grpc")
_DEFAULT_ENDPOINT = {"http/protobuf": "http://127.0.0.1:4318", "grpc": "http://127.0.0.1:4317"}
_OTLP = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
}
# About what a span, a record or a metric takes without its texts.
_ITEM_BYTES = 2_048
_EVENT_BYTES = 512
# Many more than OpenTelemetry's 2,048, since bytes are bounded as well: what waits out a receiver's restart.
_QUEUE = 16_384
_BATCH = 512
# So that a run is seen while it runs.
_DELAY_MS = 1_000


class Exporter(Protocol[T_contra]):
    """What the exporters of all signals have in common."""

    def export(self, batch: Sequence[T_contra], /) -> Any:  # an enumeration of each signal's own
        """Send a batch."""

    def shutdown(self) -> None:
        """Cancel the export in progress, and take no more."""


@dataclass(frozen=True)
class Destination:
    """Where `init()` was told to send, before OpenTelemetry's variables are asked."""

    endpoint: str | None = None
    api_key: str | None = None
    protocol: str | None = None

    def __post_init__(self) -> None:
        if self.endpoint is not None and not self.endpoint.startswith(("http://", "https://")):
            raise SpanhouseError(
                f"endpoint is {self.endpoint!r}; give a URL such as {_DEFAULT_ENDPOINT['http/protobuf']!r}"
            )
        if self.protocol is not None and self.protocol not in PROTOCOLS:
            raise SpanhouseError(f"protocol is {self.protocol!r}; it may be {' or '.join(PROTOCOLS)}")

    def protocol_of(self, signal: Signal) -> str:
        """How a signal is sent. Raises SpanhouseError for what nobody speaks, or what is not installed."""
        named = self.protocol or _of_signal(OTEL_EXPORTER_OTLP_PROTOCOL, signal) or "http/protobuf"
        if named not in PROTOCOLS:
            raise SpanhouseError(
                f"{OTEL_EXPORTER_OTLP_PROTOCOL}, or its variant for {signal}, is {named!r};"
                f" it may be {' or '.join(PROTOCOLS)}"
            )
        if named == "grpc" and find_spec("opentelemetry.exporter.otlp.proto.grpc") is None:
            raise SpanhouseError("the protocol is grpc, whose exporter is not installed: pip install 'spanhouse[grpc]'")
        return named

    def endpoint_of(self, signal: Signal, protocol: str) -> str:
        """The URL that a signal is sent to."""
        if self.endpoint is None and (whole := environ.get(_variant(OTEL_EXPORTER_OTLP_ENDPOINT, signal))):
            return whole
        base = self.endpoint or environ.get(OTEL_EXPORTER_OTLP_ENDPOINT) or _DEFAULT_ENDPOINT[protocol]
        return base if protocol == "grpc" else f"{base.rstrip('/')}/v1/{signal}"

    def headers_of(self, signal: Signal) -> dict[str, str] | None:
        """The headers to send, with the key; None where the variables are all there is to say."""
        if self.api_key is None:
            return None
        said = _of_signal(OTEL_EXPORTER_OTLP_HEADERS, signal) or ""
        return {**parse_env_headers(said, liberal=True), "x-api-key": self.api_key}


# What the first request would import, in the middle of sending: a fork meanwhile would leave the child their locks.
_IMPORTED_BY_A_REQUEST = ("netrc", "encodings.idna")


@dataclass(frozen=True)
class Target:
    """One exporter to be: where it sends, and how it is made (which takes 100 ms of imports: in the background)."""

    to: str
    make: Callable[[], Any]


def targets(signal: Signal, destination: Destination) -> list[Target]:
    """What `OTEL_{TRACES,LOGS,METRICS}_EXPORTER` names, OTLP by default.

    Raises SpanhouseError for a name that no installed package answers to.
    """
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    names = [name.strip() for name in (environ.get(variable) or "otlp").split(",")]
    return [_target(signal, name, variable, destination) for name in names if name and name.lower() != "none"]


def _target(signal: Signal, name: str, variable: str, destination: Destination) -> Target:
    protocols = {"otlp_proto_http": "http/protobuf", "otlp_proto_grpc": "grpc"}
    if name == "otlp" or name in protocols:
        return _otlp(signal, protocols.get(name) or destination.protocol_of(signal), destination)
    from importlib.metadata import entry_points  # noqa: PLC0415  # 20 ms, and nearly never needed

    found = entry_points(group=f"opentelemetry_{signal}_exporter", name=name)
    if not found:
        raise SpanhouseError(f"{variable} names {name!r}, which no package brings; there are otlp, console and none")
    return Target(name, next(iter(found)).load())


def _otlp(signal: Signal, protocol: str, destination: Destination) -> Target:
    endpoint = destination.endpoint_of(signal, protocol)
    headers = destination.headers_of(signal)
    family = "grpc" if protocol == "grpc" else "http"
    module, name = _OTLP[signal]

    def make() -> Any:  # one of six classes
        exporter = getattr(import_module(f"opentelemetry.exporter.otlp.proto.{family}.{module}"), name)
        for needed in _IMPORTED_BY_A_REQUEST if family == "http" else ():
            import_module(needed)
        return exporter(endpoint=endpoint, headers=headers)

    return Target(endpoint, make)


def span_outbox(target: Target, wrap: Callable[[Any], Any], told_of: set[str]) -> Outbox[ReadableSpan]:
    """An outbox for spans; `wrap` goes around the exporter, and what it does is done in the background."""
    schedule = _schedule(OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_SCHEDULE_DELAY)
    return Outbox("spans", lambda: _Exporting(wrap(target.make()), target.to), size_of_span, schedule, told_of)


def log_outbox(target: Target, wrap: Callable[[Any], Any], told_of: set[str]) -> Outbox[ReadableLogRecord]:
    """An outbox for log records and events."""
    schedule = _schedule(OTEL_BLRP_MAX_QUEUE_SIZE, OTEL_BLRP_MAX_EXPORT_BATCH_SIZE, OTEL_BLRP_SCHEDULE_DELAY)
    return Outbox("logs", lambda: _Exporting(wrap(target.make()), target.to), size_of_record, schedule, told_of)


def metric_outbox(target: Target, told_of: set[str]) -> Outbox[MetricsData]:
    """An outbox for metrics, of which there is one collection a minute."""
    schedule = Schedule(max_items=64, batch_items=1, delay_s=1.0)
    return Outbox("metrics", lambda: _ExportingMetrics(target.make(), target.to), size_of_metrics, schedule, told_of)


class SpanSending(SpanProcessor):
    """Puts sampled spans that have ended into an outbox."""

    def __init__(self, outbox: Outbox[ReadableSpan]) -> None:
        self._outbox = outbox

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span."""
        if span.context and span.context.trace_flags.sampled:
            self._outbox.put(span)

    def shutdown(self) -> None:
        """Send what is there, for five seconds at most."""
        self._outbox.close(5.0)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is there; whether it arrived in time."""
        return self._outbox.flush(timeout_millis / 1e3)


class LogSending(LogRecordProcessor):
    """Puts log records into an outbox, without the context that they were made in, which may hold much."""

    def __init__(self, outbox: Outbox[ReadableLogRecord]) -> None:
        self._outbox = outbox

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take a record."""
        record = copy.copy(log_record.log_record)
        record.context = Context()
        self._outbox.put(
            ReadableLogRecord(
                log_record=record,
                resource=log_record.resource or Resource.get_empty(),
                instrumentation_scope=log_record.instrumentation_scope,
                limits=log_record.limits,
            )
        )

    def shutdown(self) -> None:
        """Send what is there, for five seconds at most."""
        self._outbox.close(5.0)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is there; whether it arrived in time."""
        return self._outbox.flush(timeout_millis / 1e3)


class _Exporting:
    """A sender of what an exporter sends."""

    def __init__(self, exporter: Exporter[Any], to: str) -> None:
        # Here, not at the top: it takes part in init()'s time otherwise, and this runs in the background.
        from opentelemetry.instrumentation.utils import suppress_instrumentation  # noqa: PLC0415

        self.to = to
        self._exporter = exporter
        self._unseen = suppress_instrumentation
        for name in _SPOKEN_IN:
            logging.getLogger(name).addFilter(_REASONS)

    def send(self, batch: Sequence[Any], /) -> bool:
        """Export a batch, unseen by instrumentation of the HTTP client that it goes through."""
        with self._unseen():
            return self._export(batch)

    def _export(self, batch: Sequence[Any]) -> bool:
        return getattr(self._exporter.export(batch), "name", None) == "SUCCESS"

    def close(self) -> None:
        """Cancel the export in progress."""
        self._exporter.shutdown()


class _ExportingMetrics(_Exporting):
    """A sender of metrics, whose exporters take one collection at a time."""

    def _export(self, batch: Sequence[MetricsData]) -> bool:
        return all(super(_ExportingMetrics, self)._export(each) for each in batch)  # type: ignore[arg-type]  # see above


_REASONS = Reasons()
# Who speaks while a batch is exported; urllib3's debug lines would otherwise be exported as logs, and so on for ever.
_SPOKEN_IN = (
    *EXPORTER_LOGGERS,
    "urllib3.connectionpool",
)


class MetricSending(MetricExporter):
    """Puts what a periodic reader collects into the outboxes that are there now, so that no reader ever waits."""

    outboxes: tuple[Outbox[MetricsData], ...] = ()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:  # noqa: ARG002  # the SDK calls it so
        """Take a collection."""
        for outbox in self.outboxes:
            outbox.put(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002  # the SDK calls it so
        """Nothing is kept here."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:  # noqa: ARG002  # the SDK calls it so
        """Take nothing more."""
        self.outboxes = ()


def size_of_span(span: ReadableSpan) -> int:
    """About how many bytes of memory a span takes."""
    size = _ITEM_BYTES + _size_of(span.attributes)
    for event in span.events:
        size += _EVENT_BYTES + _size_of(event.attributes)
    return size


def size_of_record(record: ReadableLogRecord) -> int:
    """About how many bytes of memory a log record takes."""
    return _ITEM_BYTES + _size_of_value(record.log_record.body) + _size_of(record.log_record.attributes)


def size_of_metrics(metrics: MetricsData) -> int:
    """About how many bytes of memory a collection of metrics takes."""
    points = sum(
        len(metric.data.data_points)
        for resource in metrics.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
    return _ITEM_BYTES + points * _EVENT_BYTES


def _size_of(attributes: Mapping[str, object] | None) -> int:
    size = 0
    for value in (attributes or {}).values():
        size += getsizeof(value) if type(value) is str else _size_of_value(value)
    return size


def _size_of_value(value: object) -> int:
    if isinstance(value, Mapping):
        return getsizeof(value) + _size_of(value)
    if isinstance(value, (tuple, list)):
        return getsizeof(value) + sum(map(_size_of_value, value))
    return getsizeof(value)


def goes_to(target: Target, provider: object) -> bool:
    """Whether a provider sends to a target's endpoint already."""
    return _comparable(target.to) in map(_comparable, endpoints_in(provider))


def _comparable(endpoint: str) -> str:
    # The exporters for gRPC keep only host and port.
    return endpoint.removeprefix("http://").removeprefix("https://").rstrip("/").replace("localhost", "127.0.0.1")


def _of_signal(variable: str, signal: Signal) -> str | None:
    return environ.get(_variant(variable, signal)) or environ.get(variable)


def _variant(variable: str, signal: Signal) -> str:
    return variable.replace("OTLP_", f"OTLP_{signal.upper()}_")


def _schedule(queue: str, batch: str, delay: str) -> Schedule:
    items = _positive(queue, _QUEUE)
    return Schedule(items, min(_positive(batch, _BATCH), items), _positive(delay, _DELAY_MS) / 1e3)


def _positive(variable: str, default: int) -> int:
    said = environ.get(variable)
    if not said:
        return default
    try:
        number = int(said)
    except ValueError:
        number = 0
    if number <= 0:
        raise SpanhouseError(f"{variable} is {said!r}; it is to be a whole number above 0")
    return number
