"""What the SDK records, kept in memory, for one test at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import pytest
from opentelemetry import _logs, trace
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.util.types import AnyValue

from spanhouse import budget
from spanhouse._framework_runs import AttributionProcessor
from spanhouse._reserved_ids import ReservableIds
from spanhouse._setup import LogSeam, SpanSeam
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
    """What is recorded from here on."""
    spans = InMemorySpanExporter()
    logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK forgot its annotation
    with recording_to(SimpleSpanProcessor(spans), SimpleLogRecordProcessor(logs)):
        yield Telemetry(spans, logs)


@contextmanager
def recording_to(spans: SpanProcessor, logs: LogRecordProcessor) -> Iterator[None]:
    """Give these what is recorded in the block. A process sets its providers once: they have one processor for all."""
    seams = _seams()
    seams.spans.behind, seams.logs.behind = (AttributionProcessor(), spans), (logs,)
    try:
        yield
    finally:
        seams.spans.behind, seams.logs.behind = (), ()


class _Seams(NamedTuple):
    spans: SpanSeam
    logs: LogSeam


@cache
def _seams() -> _Seams:
    seams = _Seams(SpanSeam(), LogSeam())
    tracing = TracerProvider(id_generator=ReservableIds(RandomIdGenerator()), shutdown_on_exit=False)
    tracing.add_span_processor(seams.spans)
    trace.set_tracer_provider(tracing)
    logging = LoggerProvider(shutdown_on_exit=False)
    logging.add_log_record_processor(seams.logs)
    _logs.set_logger_provider(logging)
    return seams
