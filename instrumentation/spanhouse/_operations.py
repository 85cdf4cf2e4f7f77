"""What is recorded as a span with OpenTelemetry's GenAI names: a run, a call of a tool, work at a task.

An operation decorates a function, each of whose calls is then recorded, or opens a block, sync or async.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span, Tracer, format_span_id, get_tracer, set_span_in_context

from spanhouse import _attribution, _events, _reserved_ids
from spanhouse._async_context import Block
from spanhouse._context import Attribution
from spanhouse._recording import Recording, type_name
from spanhouse._wrapping import F, recorded
from spanhouse.attributes import (
    AGENT_ID,
    AGENT_NAME,
    AGENT_VERSION,
    EXECUTION_AGENT_NAME,
    EXECUTION_ID,
    FLOW_ID,
    MEMORY_MB,
    OPERATION_NAME,
    PARENT_EXECUTION_ID,
    TASK_CONFIDENCE,
    TASK_ID,
    TASK_NAME,
    TASK_RESULT,
    TOOL_ARGUMENTS,
    TOOL_CALL_ID,
    TOOL_DESCRIPTION,
    TOOL_NAME,
    TOOL_RESULT,
    WORKFLOW_NAME,
)
from spanhouse.errors import SpanhouseError
from spanhouse.execution import Execution, Reservation

R = TypeVar("R", bound=Recording)


@functools.cache
def tracer() -> Tracer:
    """Where our own spans are made; asked for with the first of them, when there is a provider."""
    return get_tracer("spanhouse")


class Operation(Block[R]):
    """What is to be recorded: decorate a function with it, or open a block, which gives the recording."""

    def __init__(self, name: str | None, *, capture: bool) -> None:
        self._name = name
        self._capture = capture
        self._open: R | None = None

    def begin(self, name: str) -> R:
        """Start the span, below the one that the caller is in."""
        raise NotImplementedError

    def __call__(self, function: F) -> F:
        """Record each call of a function. Raises SpanhouseError for what is no function."""
        if isinstance(function, staticmethod | classmethod):
            return type(function)(self(function.__func__))
        if not callable(function) or inspect.isclass(function):
            raise SpanhouseError(f"{function!r} is no function: decorate the functions and methods that do the work")
        name = self._name or str(getattr(function, "__name__", type(function).__name__))
        return recorded(function, functools.partial(self.described(function).begin, name), capture=self._capture)

    def described(self, function: Callable[..., Any]) -> Self:  # noqa: ARG002  # tools look at it
        """The same operation, with what a function says of itself."""
        return self

    def __enter__(self) -> R:
        if not self._name:
            raise SpanhouseError('a block has no name of its own: give it one, as in `with spanhouse.tool("search"):`')
        if self._open is not None:
            raise SpanhouseError(f"the block {self._name!r} is open already: make another one for each block")
        self._open = self.begin(self._name)
        self._open.enter()
        return self._open

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        recording, self._open = self._open, None
        if recording is not None:
            recording.end(error)


class ToolCall(Recording):
    """One call of a tool."""

    __slots__ = ()
    input_attribute = TOOL_ARGUMENTS
    output_attribute = TOOL_RESULT


class ToolOperation(Operation[ToolCall]):
    """Calls of a tool."""

    def __init__(self, name: str | None, description: str, call_id: str, *, capture: bool) -> None:
        super().__init__(name, capture=capture)
        self._attributes = {OPERATION_NAME: "execute_tool"}
        if description:
            self._attributes[TOOL_DESCRIPTION] = description
        if call_id:
            self._attributes[TOOL_CALL_ID] = call_id

    def begin(self, name: str) -> ToolCall:
        attributes = {**self._attributes, TOOL_NAME: name}
        span = tracer().start_span(f"execute_tool {name}", attributes=attributes)
        return ToolCall(span, set_span_in_context(span))

    def described(self, function: Callable[..., Any]) -> Self:
        first_line = (inspect.getdoc(function) or "").partition("\n")[0]
        if not first_line or TOOL_DESCRIPTION in self._attributes:
            return self
        same = copy.copy(self)
        same._attributes = {**self._attributes, TOOL_DESCRIPTION: first_line}
        return same


class Task(Recording):
    """Work at a task: one row of `agent_task_history`, known by its flow and its id."""

    __slots__ = ("_ids",)
    output_attribute = TASK_RESULT

    def __init__(self, span: Span, context: Context, ids: Mapping[str, str]) -> None:
        super().__init__(span, context)
        self._ids = ids

    def status(self, status: str, message: str = "") -> None:
        """Say how it stands: running, thinking, waiting_for_llm, completed, failed, timeout, or another word."""
        _events.emit(f"spanhouse.task.{status}", self._ids, body=message or None, context=self.context)

    def confidence(self, score: float) -> None:
        """Say how sure the agent is of its result, from 0 to 1."""
        self.span.set_attribute(TASK_CONFIDENCE, score)

    def memory(self, megabytes: float) -> None:
        """Say how much memory it took, in MB."""
        self.span.set_attribute(MEMORY_MB, megabytes)

    def conclude(self, error: BaseException | None) -> None:
        """Failed by an exception, cancelled by what is none; that it is completed the span's end says."""
        super().conclude(error)
        if error is not None and not isinstance(error, Exception):
            self.status("cancelled", type_name(error))


class TaskOperation(Operation[Task]):
    """Work at a task."""

    def __init__(self, name: str | None, ids: Mapping[str, str], *, capture: bool) -> None:
        super().__init__(name, capture=capture)
        self._said = {key: value for key, value in ids.items() if value}

    def begin(self, name: str) -> Task:
        attribution = _attribution.of()
        task_id = self._said.get(TASK_ID) or uuid4().hex
        said = {**self._said, TASK_ID: task_id, TASK_NAME: name}
        if FLOW_ID in said:
            attribution = attribution.with_({FLOW_ID: said[FLOW_ID]})
        span = tracer().start_span(f"task {name}", attributes=said)
        context = _attribution.entering(replace(attribution, task=task_id), set_span_in_context(span))
        task = Task(span, context, said)
        task.status("running")
        return task


class RunOperation(Operation[Execution]):
    """Runs of an agent or a workflow: the operation that makes executions."""

    def __init__(
        self, name: str | None, operation: str, ids: Mapping[str, str], run: Reservation | str | None, *, capture: bool
    ) -> None:
        super().__init__(name, capture=capture)
        self._attributes = {OPERATION_NAME: operation, **{key: value for key, value in ids.items() if value}}
        self._reserved = None if run is None else Reservation.of(run)

    def begin(self, name: str) -> Execution:
        outer = _attribution.of()
        if self._reserved:
            outer = outer.with_(self._reserved.carried)
        attributes = {**self._attributes, AGENT_NAME: name}
        if self._attributes[OPERATION_NAME] == "invoke_workflow":
            attributes[WORKFLOW_NAME] = attributes.pop(AGENT_NAME)
        if outer.task:
            attributes[TASK_ID] = outer.task
        span = self._start(f"{attributes[OPERATION_NAME]} {name}", attributes)
        ids = {EXECUTION_ID: format_span_id(span.get_span_context().span_id), EXECUTION_AGENT_NAME: name}
        who = {
            AGENT_NAME: name,
            **{key: value for key, value in attributes.items() if key in (AGENT_ID, AGENT_VERSION)},
        }
        if EXECUTION_ID in outer.carried:
            who[PARENT_EXECUTION_ID] = outer.carried[EXECUTION_ID]
            span.set_attribute(PARENT_EXECUTION_ID, who[PARENT_EXECUTION_ID])
        return self._running(span, outer.with_(ids), who)

    def _start(self, name: str, attributes: Mapping[str, str]) -> Span:
        if not self._reserved:
            return tracer().start_span(name, attributes=attributes)
        with _reserved_ids.reserved(self._reserved.trace_id, self._reserved.span_id):
            return tracer().start_span(name, self._reserved.parent_context(), attributes=attributes)

    @staticmethod
    def _running(span: Span, attribution: Attribution, who: Mapping[str, str]) -> Execution:
        span.set_attributes(attribution.carried)
        execution = Execution(span, get_current(), who)
        execution.context = _attribution.entering(
            replace(attribution, execution=execution, task=""), set_span_in_context(span)
        )
        execution.begin()
        return execution
