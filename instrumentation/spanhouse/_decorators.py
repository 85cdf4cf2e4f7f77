"""`agent`, `workflow`, `tool` and `task`: record a function, or a block, as a span with OpenTelemetry's GenAI names.

Each is a decorator, with and without arguments, and a context manager, sync and async.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from spanhouse._operations import Operation, R, RunOperation, Task, TaskOperation, ToolCall, ToolOperation
from spanhouse._wrapping import F
from spanhouse.attributes import (
    AGENT_DESCRIPTION,
    AGENT_ID,
    AGENT_TYPE,
    AGENT_VERSION,
    FLOW_ID,
    REQUEST_MODEL,
    TASK_DESCRIPTION,
    TASK_ID,
    TASK_TYPE,
)
from spanhouse.execution import Execution, Reservation


@overload
def agent(function: F, /) -> F: ...
@overload
def agent(
    name: str | None = None,
    /,
    *,
    model: str = "",
    id: str = "",
    version: str = "",
    description: str = "",
    type: str = "",
    execution: Reservation | str | None = None,
    capture: bool = True,
) -> Operation[Execution]: ...
def agent(
    name: Callable[..., Any] | str | None = None,
    /,
    *,
    model: str = "",
    id: str = "",
    version: str = "",
    description: str = "",
    type: str = "",
    execution: Reservation | str | None = None,
    capture: bool = True,
) -> object:
    """Record runs of an agent: a row of `agent_executions` each, seen from its start.

    `name` is the agent's, by default the function's; `model`, `id`, `version`, `description` and `type` are what else
    is known of it. `execution` is a run that `spanhouse.execution.create` announced, or its reference: this is that
    run. With `capture=False` arguments and result are not recorded.

    An exception ends the run as failed, `asyncio.CancelledError` or `KeyboardInterrupt` as cancelled; it goes on
    unchanged.
    """
    ids = {
        REQUEST_MODEL: model,
        AGENT_ID: id,
        AGENT_VERSION: version,
        AGENT_DESCRIPTION: description,
        AGENT_TYPE: type,
    }
    return _applied(lambda given: RunOperation(given, "invoke_agent", ids, execution, capture=capture), name)


@overload
def workflow(function: F, /) -> F: ...
@overload
def workflow(
    name: str | None = None, /, *, execution: Reservation | str | None = None, capture: bool = True
) -> Operation[Execution]: ...
def workflow(
    name: Callable[..., Any] | str | None = None,
    /,
    *,
    execution: Reservation | str | None = None,
    capture: bool = True,
) -> object:
    """Record runs of a workflow, which is what runs agents and is none itself: a row of `agent_executions` each.

    The arguments are those of `agent`.
    """
    return _applied(lambda given: RunOperation(given, "invoke_workflow", {}, execution, capture=capture), name)


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    name: str | None = None, /, *, description: str = "", call_id: str = "", capture: bool = True
) -> Operation[ToolCall]: ...
def tool(
    name: Callable[..., Any] | str | None = None,
    /,
    *,
    description: str = "",
    call_id: str = "",
    capture: bool = True,
) -> object:
    """Record calls of a tool: a row of `agent_actions` each.

    `name` and `description` are by default the function's and the first line of its docstring; `call_id` is what the
    model calls this call. With `capture=False` arguments and result are not recorded.
    """
    return _applied(lambda given: ToolOperation(given, description, call_id, capture=capture), name)


@overload
def task(function: F, /) -> F: ...
@overload
def task(
    name: str | None = None,
    /,
    *,
    id: str = "",
    type: str = "",
    description: str = "",
    flow: str = "",
    capture: bool = True,
) -> Operation[Task]: ...
def task(
    name: Callable[..., Any] | str | None = None,
    /,
    *,
    id: str = "",
    type: str = "",
    description: str = "",
    flow: str = "",
    capture: bool = True,
) -> object:
    """Record work at a task: a row of `agent_task_history`, known by its flow and its id.

    Work at the same task another time, or in another process, has the same `id`; by default each is a task of its own.
    Runs of agents inside it are counted as its work.
    """
    ids = {TASK_ID: id, TASK_TYPE: type, TASK_DESCRIPTION: description, FLOW_ID: flow}
    return _applied(lambda given: TaskOperation(given, ids, capture=capture), name)


def _applied(make: Callable[[str | None], Operation[R]], given: Callable[..., Any] | str | None) -> object:
    """Of `@tool` the function, recorded; of `@tool(...)` and `with tool(...)` the operation."""
    if given is None or isinstance(given, str):
        return make(given)
    return make(None)(given)
