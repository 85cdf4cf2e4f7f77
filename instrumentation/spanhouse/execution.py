"""The run that code is in, and what it says of itself while it runs.

    run = spanhouse.execution.current()
    run.progress(0.5, message="half of the sources read")
    with run.blocked("human", message="may I book it?"):
        answer = ask()

All of this is sent at once, as events, and is seen before the run has ended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.util.types import AnyValue

from spanhouse import _attribution, _capture, _context, _events, _typed_output
from spanhouse._heartbeat import Heartbeat
from spanhouse._recording import Recording, type_name
from spanhouse.attributes import (
    AGENT_NAME,
    ERROR_TYPE,
    EXCEPTION_MESSAGE,
    EXECUTION_AGENT_NAME,
    EXECUTION_CONFIDENCE,
    EXECUTION_EXPIRES_IN,
    EXECUTION_ID,
    EXECUTION_OUTCOME,
    EXECUTION_PROGRESS,
    EXECUTION_STATUS,
    EXECUTION_STATUS_MESSAGE,
    EXECUTION_TASKS_COMPLETED,
    EXECUTION_TASKS_TOTAL,
    EXECUTION_WAITING_FOR,
    PARENT_EXECUTION_ID,
)
from spanhouse.errors import SpanhouseError

Status = Literal["created", "queued", "running", "blocked", "paused", "completed", "failed", "cancelled"]
WaitingFor = Literal["human", "tool", "rate_limit", "budget", "agent", "other"]

_heartbeat = Heartbeat()


def current() -> Execution:
    """Return the run of the caller: of its function, task or thread.

    Outside a run, returns a falsy placeholder whose methods do nothing.
    """
    run = _context.current().execution
    return run if isinstance(run, Execution) else NO_EXECUTION


def create(name: str) -> Reservation:
    """Announce a run before it begins, as `created`: in the session, and below the run, that the caller is in.

    It begins with `spanhouse.agent(name, execution=...)` of what this returns, or of its `reference`, which may go
    through a queue to another process.
    """
    parent = get_current_span().get_span_context()
    ids = RandomIdGenerator()
    attribution = _attribution.of()
    reservation = Reservation(
        name,
        trace_id=parent.trace_id if parent.is_valid else ids.generate_trace_id(),
        span_id=ids.generate_span_id(),
        parent_span_id=parent.span_id,
        carried=dict(attribution.carried),
    )
    reservation.status("created")
    return reservation


class Execution(Recording):
    """A run of an agent or a workflow that has begun.

    `id` (16 hex digits) and `trace_id` (32) are those of its span, and of its row in `agent_executions`; `agent` is
    what its events say of who runs. Methods may be called from any thread; what is said after the end does not reopen
    it.
    """

    __slots__ = ("_ended_as", "_says", "agent", "id", "trace_id")

    def __init__(self, span: Span, context: Context, agent: Mapping[str, str]) -> None:
        super().__init__(span, context)
        ids = span.get_span_context()
        self.id = format_span_id(ids.span_id) if ids.is_valid else ""
        self.trace_id = format_trace_id(ids.trace_id) if ids.is_valid else ""
        self.agent = agent
        self._ended_as: Status | None = None
        # A run that was not sampled has no span, and should have no events.
        self._says = span.is_recording()

    def __bool__(self) -> bool:
        return bool(self.id)

    def begin(self) -> None:
        """Say that it is running, now and for as long as this process lives."""
        self.status("running")
        if self._says:
            _heartbeat.add(self)

    def forget(self) -> None:
        """Stop sending heartbeats."""
        _heartbeat.remove(self)

    def status(self, status: Status, message: str = "", *, waiting_for: WaitingFor | None = None) -> None:
        """Say how it stands, in a word and perhaps a message for people.

        The end is said by the block or function that is the run; `completed`, `failed` or `cancelled` said here is what
        it will have ended as.
        """
        if status in ("completed", "failed", "cancelled"):
            self._ended_as = status
            self.span.set_attribute(EXECUTION_STATUS, status)
            if message:
                self.span.set_attribute(EXECUTION_STATUS_MESSAGE, message)
        self._say(status, {EXECUTION_STATUS_MESSAGE: message or None, EXECUTION_WAITING_FOR: waiting_for})

    @contextmanager
    def blocked(self, waiting_for: WaitingFor = "other", message: str = "") -> Iterator[None]:
        """Blocked for as long as the block lasts, by a human, a tool, a rate limit, the budget, another agent."""
        self.status("blocked", message, waiting_for=waiting_for)
        try:
            yield
        finally:
            self.status("running")

    @contextmanager
    def paused(self, message: str = "") -> Iterator[None]:
        """Paused for as long as the block lasts."""
        self.status("paused", message)
        try:
            yield
        finally:
            self.status("running")

    def progress(
        self,
        fraction: float | None = None,
        *,
        tasks_completed: int | None = None,
        tasks_total: int | None = None,
        message: str = "",
    ) -> None:
        """Say how far it is: a fraction from 0 to 1, tasks, or both."""
        said = {
            EXECUTION_PROGRESS: fraction,
            EXECUTION_TASKS_COMPLETED: tasks_completed,
            EXECUTION_TASKS_TOTAL: tasks_total,
            EXECUTION_STATUS_MESSAGE: message or None,
        }
        self._say("progress", said)

    def thinking(self, step: object) -> None:
        """Record a step of its reasoning: a text, or anything that can be JSON."""
        if _capture.wanted():
            self._say("thinking", {}, _capture.to_json(step))

    def heartbeat(self, expires_in_s: float = 60.0) -> None:
        """Say that it is alive. Unless it is heard of again within so many seconds it counts as stalled.

        The process does this by itself every 20 seconds.
        """
        self._say("heartbeat", {EXECUTION_EXPIRES_IN: expires_in_s})

    def outcome(self, outcome: str) -> None:
        """Say what came of it, in a word of your own."""
        self.span.set_attribute(EXECUTION_OUTCOME, outcome)

    def confidence(self, score: float) -> None:
        """Say how sure the agent is of its result, from 0 to 1."""
        self.span.set_attribute(EXECUTION_CONFIDENCE, score)

    def returned(self, result: object) -> None:
        """Record what a decorated function returned: a pydantic model as a typed output."""
        pydantic = sys.modules.get("pydantic")
        if pydantic and isinstance(result, pydantic.BaseModel):
            _typed_output.record_on(self.span, result)
        else:
            super().returned(result)

    def fail(self, message: str, error_type: str = "failed") -> None:
        """Say that it failed, where no exception does."""
        self.mark_failed(message, error_type)
        self._end_as("failed", {ERROR_TYPE: error_type, EXCEPTION_MESSAGE: message})

    def conclude(self, error: BaseException | None) -> None:
        """Failed by an exception, cancelled by what is none (cancellation, interrupt), otherwise completed."""
        _heartbeat.remove(self)
        super().conclude(error)
        if isinstance(error, Exception):
            self._end_as("failed", {ERROR_TYPE: type_name(error), EXCEPTION_MESSAGE: str(error)})
        elif error is not None:
            self._end_as("cancelled", {EXECUTION_STATUS_MESSAGE: type_name(error)})
        elif self._ended_as is None:
            self._end_as("completed", {})

    def _end_as(self, status: Status, said: Mapping[str, AnyValue]) -> None:
        self._ended_as = status
        self.span.set_attribute(EXECUTION_STATUS, status)
        self._say(status, said)

    def _say(self, event: str, said: Mapping[str, AnyValue], body: str | None = None) -> None:
        if self._says:
            _events.emit(f"spanhouse.execution.{event}", said, body=body, context=self.context)


NO_EXECUTION = Execution(INVALID_SPAN, Context(), {})


@dataclass(frozen=True, slots=True)
class Reservation:
    """A run that has not begun. Its ids are those that it will have."""

    name: str
    trace_id: int
    span_id: int
    parent_span_id: int
    carried: Mapping[str, str]

    @property
    def id(self) -> str:
        """The execution's id: 16 hex digits."""
        return format_span_id(self.span_id)

    @property
    def reference(self) -> str:
        """All of it as a text, for another process."""
        return json.dumps([self.name, self.trace_id, self.span_id, self.parent_span_id, dict(self.carried)])

    @classmethod
    def of(cls, reference: Reservation | str) -> Reservation:
        """What `reference` is a text of. Raises SpanhouseError when it is none of `create`."""
        if isinstance(reference, Reservation):
            return reference
        try:
            name, trace_id, span_id, parent_span_id, carried = json.loads(reference)
            return cls(str(name), int(trace_id), int(span_id), int(parent_span_id), dict(carried))
        except (TypeError, ValueError) as error:
            raise SpanhouseError(
                f"execution={reference!r:.100} names no run: give what spanhouse.execution.create() returned, or its"
                " reference"
            ) from error

    def status(self, status: Status, message: str = "") -> None:
        """Say how it stands: `queued`, say, or `cancelled` when it will never begin."""
        said: dict[str, AnyValue] = {
            **self.carried,
            EXECUTION_ID: self.id,
            EXECUTION_AGENT_NAME: self.name,
            AGENT_NAME: self.name,
            PARENT_EXECUTION_ID: self.carried.get(EXECUTION_ID),
            EXECUTION_STATUS_MESSAGE: message or None,
        }
        run = SpanContext(self.trace_id, self.span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        _events.emit(
            f"spanhouse.execution.{status}", said, context=set_span_in_context(NonRecordingSpan(run), Context())
        )

    def parent_context(self) -> Context:
        """The caller's context, with what the run was created below as its parent, or without any."""
        if not self.parent_span_id:
            return set_span_in_context(INVALID_SPAN)
        parent = SpanContext(
            self.trace_id, self.parent_span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
        )
        return set_span_in_context(NonRecordingSpan(parent))
