"""What the SDK records, kept in memory: providers of a test's own, where a process otherwise has one for its life."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from opentelemetry import _logs, trace
from opentelemetry._logs import _internal as logs_internal
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.util._once import Once
from opentelemetry.util.types import AnyValue

from spanhouse import _events, _operations, budget
from spanhouse._framework_runs import AttributionProcessor
from spanhouse._reserved_ids import ReservableIds
from tests.sdk.budget_api import BudgetApi, serving


@dataclass(frozen=True)
class Event:
    """An event that was sent."""

    name: str
    attributes: dict[str, AnyValue]
    body: AnyValue
    trace_id: int
    span_id: int


class Telemetry:
    """All spans that have ended, and all events, in order."""

    def __init__(self, spans: InMemorySpanExporter, logs: InMemoryLogRecordExporter) -> None:
        self._spans = spans
        self._logs = logs

    def forget(self) -> None:
        """Let go of all of it; the events hold the contexts that they were sent in, and so the runs."""
        self._spans.clear()
        self._logs.clear()

    @property
    def spans(self) -> list[ReadableSpan]:
        """Those that have ended, in that order."""
        return list(self._spans.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        """The only span of this name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def said(self, name: str) -> dict[str, object]:
        """The attributes of the only span of this name."""
        return dict(self.span(name).attributes or {})

    @property
    def events(self) -> list[Event]:
        """All that was sent, in order."""
        records = [each.log_record for each in self._logs.get_finished_logs()]
        return [
            Event(each.event_name or "", dict(each.attributes or {}), each.body, each.trace_id or 0, each.span_id or 0)
            for each in records
        ]

    def event(self, name: str) -> Event:
        """The only event of this name, without `spanhouse.`."""
        (event,) = [event for event in self.events if event.name == f"spanhouse.{name}"]
        return event


@pytest.fixture
def api() -> Iterator[BudgetApi]:
    """An API of budgets, which the SDK asks until the test is over."""
    with serving() as api:
        budget.configure(api.url)
        yield api
    budget.configure()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """What is recorded from here on, by the providers that the whole process now has."""
    spans = InMemorySpanExporter()
    logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK forgot its annotation
    tracing = TracerProvider(id_generator=ReservableIds(RandomIdGenerator()), shutdown_on_exit=False)
    tracing.add_span_processor(AttributionProcessor())
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    logging = LoggerProvider(shutdown_on_exit=False)
    logging.add_log_record_processor(SimpleLogRecordProcessor(logs))
    with Globals(tracing, logging):
        yield Telemetry(spans, logs)


class Globals:
    """OpenTelemetry lets a process set its providers once. These are taken back, as its own tests do it."""

    def __init__(self, tracing: TracerProvider, logging: LoggerProvider) -> None:
        self._providers = (tracing, logging)

    def __enter__(self) -> None:
        self._before = (
            trace._TRACER_PROVIDER,
            trace._TRACER_PROVIDER_SET_ONCE,
            logs_internal._LOGGER_PROVIDER,
            logs_internal._LOGGER_PROVIDER_SET_ONCE,
        )
        self._set(None, Once(), None, Once())
        trace.set_tracer_provider(self._providers[0])
        _logs.set_logger_provider(self._providers[1])

    def __exit__(self, *_: object) -> None:
        self._set(*self._before)

    def _set(self, tracing: object, tracing_once: Once, logging: object, logging_once: Once) -> None:
        vars(trace).update(_TRACER_PROVIDER=tracing, _TRACER_PROVIDER_SET_ONCE=tracing_once)
        vars(logs_internal).update(_LOGGER_PROVIDER=logging, _LOGGER_PROVIDER_SET_ONCE=logging_once)
        _operations.tracer.cache_clear()
        _events.logger.cache_clear()
