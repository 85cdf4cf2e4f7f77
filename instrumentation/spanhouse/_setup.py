"""`init()`: set up OpenTelemetry, or join the one that is set up, so that spans, events and metrics are sent."""

import atexit
import logging
import os
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import util as multiprocessing_util
from os import environ
from time import monotonic
from typing import Any, Generic, Literal, TypeVar

from opentelemetry import _logs, metrics, trace
from opentelemetry.context import Context, attach
from opentelemetry.environment_variables import OTEL_PYTHON_ID_GENERATOR
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.environment_variables import (
    OTEL_ATTRIBUTE_COUNT_LIMIT,
    OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION,
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE,
    OTEL_SDK_DISABLED,
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT,
    OTEL_TRACES_SAMPLER,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.util.types import AttributeValue

from spanhouse import _attribution, _capture, _instrumentors
from spanhouse._exporting import (
    Destination,
    LogSending,
    MetricSending,
    SpanSending,
    Target,
    goes_to,
    log_outbox,
    metric_outbox,
    span_outbox,
    targets,
)
from spanhouse._framework_runs import AttributionProcessor
from spanhouse._otel_private import id_generator_named, is_unset, preferences_of, replace_resource, sampler_named
from spanhouse._outbox import Outbox
from spanhouse._privacy import Capture, Privacy, captured
from spanhouse._reserved_ids import ReservableIds
from spanhouse.errors import SpanhouseError
from spanhouse.redaction import Redactor

EXIT_TIMEOUT_S = 5.0
# Conventions that spell each message in attributes of its own soon pass OpenTelemetry's 128, and the oldest are lost.
MAX_SPAN_ATTRIBUTES = 4_096

_log = logging.getLogger("spanhouse")
Behind = TypeVar("Behind", SpanProcessor, LogRecordProcessor)

_lock = threading.RLock()


@dataclass(frozen=True)
class Arguments:
    """What `init()` was called with."""

    service: str | None
    destination: Destination
    instrument: bool | frozenset[str]
    capture: Capture | None
    redact: bool | Redactor
    allow: frozenset[str]
    deny: frozenset[str]
    propagate: frozenset[str]
    resource: Mapping[str, AttributeValue]

    @cached_property
    def privacy(self) -> Privacy:
        """What may leave the process."""
        redactor = Redactor() if self.redact is True else self.redact or None
        return Privacy(captured(self.capture), redactor, self.allow, self.deny)

    def as_resource(self) -> Resource:
        """These, over `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`."""
        named = {SERVICE_NAME: self.service} if self.service else {}
        return Resource.create({**self.resource, **named})


class Seam(Generic[Behind]):
    """The one processor that a provider gets from us: what is behind it comes with init() and goes with shutdown()."""

    behind: tuple[Behind, ...] = ()
    provider: object = None

    def shutdown(self) -> None:
        """Somebody shuts the provider down."""
        for processor in self.behind:
            processor.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Somebody flushes the provider."""
        flushed = [processor.force_flush(timeout_millis) for processor in self.behind]
        return all(flushed)


class SpanSeam(Seam[SpanProcessor], SpanProcessor):
    """The one of a tracer provider."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Pass it on."""
        for processor in self.behind:
            processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass it on."""
        for processor in self.behind:
            processor.on_end(span)


class LogSeam(Seam[LogRecordProcessor], LogRecordProcessor):
    """The one of a logger provider."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Pass it on."""
        for processor in self.behind:
            processor.on_emit(log_record)


@dataclass
class Process:
    """Process-wide state. OpenTelemetry's providers can be set only once, so they and our seams survive shutdown()."""

    arguments: Arguments | None = None
    outboxes: list[Outbox[Any]] = field(default_factory=list)
    dropped_before: dict[str, int] = field(default_factory=dict)
    spans: SpanSeam = field(default_factory=SpanSeam)
    logs: LogSeam = field(default_factory=LogSeam)
    metrics: MetricSending | None = None
    ours: list[TracerProvider | LoggerProvider] = field(default_factory=list)
    meters: MeterProvider | None = None
    hooked: bool = False
    told_of: set[str] = field(default_factory=set)


_process = Process()


def init(
    service: str | None = None,
    *,
    endpoint: str | None = None,
    api_key: str | None = None,
    protocol: Literal["http/protobuf", "grpc"] | None = None,
    instrument: bool | Collection[str] = True,
    capture: Capture | None = None,
    redact: bool | Redactor = True,
    allow: Collection[str] = (),
    deny: Collection[str] = (),
    propagate: Collection[str] = ("execution", "session"),
    resource: Mapping[str, AttributeValue] | None = None,
) -> None:
    """Send what this process's agents do, and turn on every instrumentor that is installed.

    An argument goes before its `OTEL_*` variable, that before the default; all other variables of OpenTelemetry's SDK
    hold too. Where that SDK is set up already, it is joined: its providers, samplers and exporters stay. A second call
    changes nothing.

    service: the name of this program (`service.name`).
    endpoint: the base URL of an OTLP receiver; http://127.0.0.1:4318 by default, with grpc http://127.0.0.1:4317.
    api_key: sent as `x-api-key`.
    protocol: grpc needs `pip install 'spanhouse[grpc]'`.
    instrument: False for no instrumentor, or the names of those to turn on, such as `["openai"]`.
    capture: what becomes of content, such as prompts: all of it is sent, only how long it is, or nothing.
    redact: whether e-mail addresses, keys and the like are taken out of content, or what takes them out.
    allow, deny: names of attributes, with `*` at the end for all that begin so, that are content never, or sent never.
    propagate: which ids leave the process in W3C baggage, see docs/sdk.md.
    resource: attributes of this process.

    Raises SpanhouseError for an argument or a variable that is wrong. What goes wrong later is logged, never raised.
    """
    arguments = Arguments(
        service=service,
        destination=Destination(endpoint, api_key, protocol),
        instrument=instrument if isinstance(instrument, bool) else frozenset(instrument),
        capture=capture,
        redact=redact,
        allow=frozenset(allow),
        deny=frozenset(deny),
        propagate=frozenset(propagate),
        resource=dict(resource or {}),
    )
    with _lock:
        if _process.arguments is not None:
            if _process.arguments != arguments:
                _log.warning(
                    "Spanhouse: init() was called before with other arguments, which stay: shutdown() comes first"
                )
            return
        try:
            _set_up(arguments)
        except SpanhouseError:
            _shut_down(0, patient=False)
            raise
        _process.arguments = arguments


def flush(timeout_s: float = 5.0) -> bool:
    """Send what is waiting now. Returns whether all of it arrived, after `timeout_s` seconds at the latest."""
    deadline = monotonic() + timeout_s
    _collect_metrics(timeout_s)
    for outbox in _process.outboxes:
        outbox.rouse()
    arrived = [outbox.flush(max(0.0, deadline - monotonic())) for outbox in _process.outboxes]
    return all(arrived)


def shutdown(timeout_s: float = 5.0) -> bool:
    """Send what is waiting, and stop sending; `init()` may be called again.

    Returns whether all of it arrived, after `timeout_s` seconds at the latest; what did not is dropped. Instrumentors
    stay on. A program that ends does this by itself, and does not wait for a receiver that it knows to be away.
    """
    return _shut_down(timeout_s, patient=True)


def dropped() -> Mapping[str, int]:
    """How many spans, logs and metrics of this process were dropped: no room for them, or no receiver took them."""
    counts = dict(_process.dropped_before)
    for outbox in _process.outboxes:
        counts[outbox.what] = counts.get(outbox.what, 0) + outbox.dropped
    return counts


def _set_up(arguments: Arguments) -> None:
    _attribution.configure(arguments.propagate)
    _capture.configure(wanted=arguments.privacy.capture != "off")
    if environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true":
        return
    instrumentors = _instrumentors.chosen(arguments.instrument)
    aims = {signal: targets(signal, arguments.destination) for signal in ("traces", "logs", "metrics")}
    resource = arguments.as_resource()
    _set_up_metrics(resource, aims["metrics"])
    _set_up_traces(arguments, resource, aims["traces"])
    _set_up_logs(arguments, resource, aims["logs"])
    if not _process.hooked:
        _process.hooked = True
        atexit.register(_at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_in_a_fork)
        multiprocessing_util.register_after_fork(_process.spans, _in_a_worker)
    _instrumentors.turn_on(instrumentors)


def _set_up_traces(arguments: Arguments, resource: Resource, aims: list[Target]) -> None:
    provider = trace.get_tracer_provider()
    if is_unset(provider):
        provider = TracerProvider(
            sampler=_sampler(),
            resource=resource,
            shutdown_on_exit=False,
            id_generator=ReservableIds(_id_generator()),
            span_limits=_span_limits(),
        )
        trace.set_tracer_provider(provider)
        _process.ours.append(provider)
    elif isinstance(provider, TracerProvider) and not isinstance(provider.id_generator, ReservableIds):
        # Any generator serves; the annotation is that of the default.
        provider.id_generator = ReservableIds(provider.id_generator)  # type: ignore[assignment]
    aims = _aims_in(provider, aims, arguments, resource)
    if not _join(_process.spans, provider, "add_span_processor"):
        return
    outboxes = [span_outbox(aim, arguments.privacy.spans, _process.told_of) for aim in aims]
    _process.outboxes += outboxes
    _process.spans.behind = (AttributionProcessor(), *map(SpanSending, outboxes))


def _set_up_logs(arguments: Arguments, resource: Resource, aims: list[Target]) -> None:
    provider = _logs.get_logger_provider()
    if is_unset(provider):
        provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        _logs.set_logger_provider(provider)
        _process.ours.append(provider)
    aims = _aims_in(provider, aims, arguments, resource)
    if not _join(_process.logs, provider, "add_log_record_processor"):
        return
    outboxes = [log_outbox(aim, arguments.privacy.logs, _process.told_of) for aim in aims]
    _process.outboxes += outboxes
    _process.logs.behind = tuple(map(LogSending, outboxes))


def _set_up_metrics(resource: Resource, aims: list[Target]) -> None:
    """Readers are given to a provider when it is made: one that is there already is left alone."""
    pulled = [aim for aim in aims if isinstance(aim.make, type) and issubclass(aim.make, MetricReader)]
    pushed = [aim for aim in aims if aim not in pulled]
    if aims and is_unset(metrics.get_meter_provider()):
        _process.metrics = _metric_sending(pushed)
        readers = [PeriodicExportingMetricReader(_process.metrics), *(aim.make() for aim in pulled)]
        _process.meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        metrics.set_meter_provider(_process.meters)
    if _process.metrics:
        outboxes = [metric_outbox(aim, _process.told_of) for aim in pushed]
        _process.metrics.outboxes = tuple(outboxes)
        _process.outboxes += outboxes


def _metric_sending(aims: list[Target]) -> MetricSending:
    if not aims or not any(
        environ.get(variable)
        for variable in (
            OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE,
            OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION,
        )
    ):
        return MetricSending()
    # Only the exporter reads these, and only here is it made for that.
    exporter = aims[0].make()
    preferences = preferences_of(exporter)
    exporter.shutdown()
    return MetricSending(*preferences)


def _aims_in(provider: object, aims: list[Target], arguments: Arguments, resource: Resource) -> list[Target]:
    """What is left to do in a provider that may be ours, of an earlier init(), or somebody else's."""
    if provider in _process.ours:
        replace_resource(provider, resource)
        return aims
    if (arguments.service or arguments.resource) and "resource" not in _process.told_of:
        _process.told_of.add("resource")
        _log.warning(
            "Spanhouse: OpenTelemetry was set up before init(), its resource stays: service and resource are not used"
        )
    return [aim for aim in aims if not goes_to(aim, provider)]


def _join(seam: SpanSeam | LogSeam, provider: object, adding: str) -> bool:
    if seam.provider is provider:
        return True
    add = getattr(provider, adding, None)
    if add is None:
        _log.warning("Spanhouse: %s takes no processors, so nothing of it is sent", type(provider).__qualname__)
        return False
    add(seam)
    seam.provider = provider
    return True


def _sampler() -> Sampler | None:
    """A sampler that a package brings; those of the SDK it finds itself."""
    if not environ.get(OTEL_TRACES_SAMPLER):
        return None
    return sampler_named(environ[OTEL_TRACES_SAMPLER])


def _id_generator() -> IdGenerator:
    if not environ.get(OTEL_PYTHON_ID_GENERATOR):
        return RandomIdGenerator()
    try:
        return id_generator_named(environ[OTEL_PYTHON_ID_GENERATOR])
    except RuntimeError as error:
        raise SpanhouseError(f"{OTEL_PYTHON_ID_GENERATOR}: {error}") from error


def _span_limits() -> SpanLimits:
    if environ.get(OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT) or environ.get(OTEL_ATTRIBUTE_COUNT_LIMIT):
        return SpanLimits()
    return SpanLimits(max_span_attributes=MAX_SPAN_ATTRIBUTES)


def _collect_metrics(timeout_s: float) -> None:
    if _process.meters and _process.outboxes:
        # It runs the callbacks of whoever measures something, and raises when the time is over.
        try:
            _process.meters.force_flush(timeout_s * 1e3)
        except Exception as error:  # noqa: BLE001
            _log.debug("Spanhouse: metrics were not collected: %r", error)


def _shut_down(timeout_s: float, *, patient: bool) -> bool:
    deadline = monotonic() + timeout_s
    with _lock:
        _collect_metrics(timeout_s)
        outboxes, _process.outboxes = _process.outboxes, []
        _process.arguments, _process.told_of = None, set()
        _process.spans.behind = _process.logs.behind = ()
        if _process.metrics:
            _process.metrics.outboxes = ()
        for outbox in outboxes:
            outbox.rouse()
        arrived = [outbox.close(max(0.0, deadline - monotonic()), patient=patient) for outbox in outboxes]
        for outbox in outboxes:
            _process.dropped_before[outbox.what] = _process.dropped_before.get(outbox.what, 0) + outbox.dropped
    return all(arrived)


def _at_exit() -> None:
    _shut_down(EXIT_TIMEOUT_S, patient=False)


def _in_a_fork() -> None:
    """In the child of a fork: another thread of the parent may have held the lock."""
    global _lock  # noqa: PLW0603  # one lock of the process
    _lock = threading.RLock()
    _process.dropped_before.clear()


def _in_a_worker(_: SpanSeam) -> None:
    """In a process that multiprocessing forked: it is no part of what its parent was doing, and ends without atexit."""
    attach(Context())
    multiprocessing_util.Finalize(None, _at_exit, exitpriority=0)
