"""Each way to end is read right, wherever a span tells of it: failures, cancellations, pauses, hand-overs."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from spanhouse_schema import Database
from spanhouse_schema.conventions import EndingRule, ending_rules
from spanhouse_schema.derive.settling import settle
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.expected_executions import assert_equal, assert_settled, expected_spans, stored_spans
from tests.support.insert_rows import insert

_STATUS = {"paused": "paused", "handed over": "completed", "timed out": "failed", "cancelled": "cancelled"}
_RESULTS = ("gen_ai.tool.call.result", "output.value", "traceloop.entity.output")
_KINDS = {"agent": "invoke_agent", "model": "chat", "tool": "execute_tool"}


class Told(NamedTuple):
    """What a span says of its error: an attribute, an exception event, the status message."""

    attributes: Mapping[str, str] = {}
    exception: Mapping[str, str] = {}
    message: str = ""
    status: str = "Error"


def _type(name: str) -> Told:
    return Told({"error.type": name}, {"exception.type": name, "exception.message": ""})


def _raised(name: str, message: str) -> Told:
    return Told({}, {"exception.type": name, "exception.message": message}, message)


CANCELLED: list[Told] = [
    *map(_type, ("asyncio.exceptions.CancelledError", "concurrent.futures._base.CancelledError", "CancelledError")),
    *map(_type, ("GeneratorExit", "builtins.KeyboardInterrupt", "trio.Cancelled", "trio._core._exceptions.Cancelled")),
    *map(
        _type, ("AbortError", "DOMException [AbortError]", "APIUserAbortError", "openai.APIUserAbortError", "ABORT_ERR")
    ),
    *map(_type, ("System.OperationCanceledException", "System.Threading.Tasks.TaskCanceledException")),
    *map(_type, ("java.util.concurrent.CancellationException", "java.lang.InterruptedException")),
    *map(
        _type, ("kotlinx.coroutines.JobCancellationException", "tokio::task::JoinError::Cancelled", "CANCELLED", "499")
    ),
    *map(
        _type,
        ("StatusCode.CANCELLED", "grpc.StatusCode.CANCELLED", "user_cancelled", "<class 'asyncio.CancelledError'>"),
    ),
    Told({"error.type": "_OTHER", "otel.status_description": "cancelled"}),
    Told({"rpc.grpc.status_code": "1"}),
    Told({"rpc.response.status_code": "CANCELLED"}),
    Told({"gen_ai.response.status": "cancelled"}, status="Unset"),
    Told({"error.type": "AbortError"}, status="Unset"),
    Told({}, {"exception.type": "asyncio.exceptions.CancelledError"}, status="Unset"),
    *(
        _raised("Error", message)
        for message in (
            *(
                "Request was aborted.",
                "This operation was aborted",
                "The operation was aborted.",
                "canceled",
                "Aborted",
            ),
            *(
                "The user aborted a request.",
                "signal is aborted without reason",
                "AbortError: This operation was aborted",
            ),
            *(
                "Error: Request was aborted.",
                "The operation was canceled.",
                "A task was canceled.",
                "Task was cancelled by user",
            ),
        )
    ),
    *(
        _raised("*errors.errorString", message)
        for message in (
            *("context canceled", 'Post "https://api.example.com/v1": context canceled', "canceled: context canceled"),
            *("rpc error: code = Canceled desc = context canceled", "net/http: request canceled"),
        )
    ),
    _raised("tokio::task::JoinError", "task 12 was cancelled"),
    _raised("tonic::Status", 'status: Cancelled, message: "gone", details: [], metadata: MetadataMap { headers: {} }'),
    _raised("io.grpc.StatusRuntimeException", "CANCELLED: io.grpc.Context was cancelled without error"),
    _raised("Error", "1 CANCELLED: Cancelled on client"),
    _raised("grpc.aio.AioRpcError", "<AioRpcError of RPC that terminated with:\n\tstatus = StatusCode.CANCELLED\n>"),
    Told(message="CancelledError: "),
    Told(message="asyncio.exceptions.CancelledError"),
    Told(message="System.OperationCanceledException: The operation was canceled."),
    Told(message="JobCancellationException: Parent job is Cancelling"),
]
CANCELLED += [
    *map(
        _type, ("JoinError::Cancelled(Id(14))", "OperationCancelledException", "jobs.JobAbortedError", "UserInterrupt")
    ),
    Told({"error.type": "AbortError"}, status="Ok"),
    Told(message="TaskCancelledError: gone"),
    _raised("starlette.requests.ClientDisconnect", ""),
    _raised("Grpc.Core.RpcException", 'Status(StatusCode="Cancelled", Detail="Call canceled by the client.")'),
    _raised("Error", "Generation stopped by user"),
]
FAILED: list[Told] = [
    *map(_type, ("TimeoutError", "asyncio.exceptions.TimeoutError", "APITimeoutError", "System.TimeoutException")),
    *map(
        _type, ("DEADLINE_EXCEEDED", "context.deadlineExceededError", "kotlinx.coroutines.TimeoutCancellationException")
    ),
    *map(_type, ("OrderCancelledException", "NotCancelledError", "ValueError", "InterruptedSystemCallError", "500")),
    _raised(
        "System.Threading.Tasks.TaskCanceledException",
        "The request was canceled due to the configured HttpClient.Timeout of 100 seconds elapsing.",
    ),
    _raised("*url.Error", 'Get "https://example.com": context deadline exceeded'),
    _raised("*url.Error", "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"),
    _raised("DOMException", "The operation was aborted due to timeout"),
    _raised("java.io.InterruptedIOException", "timeout"),
    _raised("ValueError", "the customer wrote that the order was cancelled, and then that it was not"),
    _raised("ToolError", "Your subscription was cancelled"),
    _raised("ToolError", "cannot find the text GraphInterrupt in errors.py"),
    _raised("RuntimeError", "tests of KeyboardInterrupt failed"),
    Told(message="CancelledErrors: 3"),
    *map(_type, ("InputRequired", "HandoffError", "AccountSuspendedError")),
]
PAUSED: list[Told] = [
    *map(_type, ("langgraph.errors.GraphInterrupt", "GraphInterrupt", "langgraph.errors.NodeInterrupt")),
    *map(_type, ("pydantic_ai.exceptions.ApprovalRequired", "pydantic_ai.exceptions.CallDeferred")),
    *map(
        _type, ("crewai.flow.async_feedback.types.HumanFeedbackPending", "strands.types.interrupt.InterruptException")
    ),
    _raised("GraphInterrupt", "(Interrupt(value='The request timed out. Try again?', id='1'),)"),
    Told(message="GraphInterrupt((Interrupt(value='Go on?'),))Traceback (most recent call last):\n  File"),
    Told(message="GraphInterrupt"),
    *map(_type, ("ToolApprovalRequired", "HumanInputRequiredError", "WorkflowSuspended", "agent.AwaitingHumanInput")),
    Told({}, {"exception.type": "langgraph.errors.GraphInterrupt"}, status="Unset"),
]
COMPLETED: list[Told] = [
    *map(_type, ("langgraph.errors.ParentCommand", "ParentCommand", "langgraph.errors.GraphBubbleUp")),
    *map(_type, ("temporalio.workflow.ContinueAsNewError", "smolagents.local_python_executor.FinalAnswerException")),
    *map(_type, ("Handoff", "agents.HandoffException")),
    Told(message="Command(goto='hotels')"),
    Told(message="ParentCommand(Command(goto='hotels'))"),
    # It handled them.
    Told({}, {"exception.type": "asyncio.exceptions.CancelledError"}, status="Ok"),
    Told({}, {"exception.type": "ValueError", "exception.message": "context canceled"}, status="Ok"),
]
_EXAMPLES = [
    (status, told)
    for status, found in (("cancelled", CANCELLED), ("failed", FAILED), ("paused", PAUSED), ("completed", COMPLETED))
    for told in found
]

_TOOL_MESSAGE = '"content": "boom", "name": "t", "tool_call_id": "c1", "status": "error"'
FAILED_RESULTS = [
    '{"content": [{"type": "text", "text": "boom"}], "isError": true}',
    '{"jsonrpc": "2.0", "id": 1, "result": {"content": [], "isError": true}}',
    '{"type": "tool_result", "tool_use_id": "t1", "content": "boom", "is_error": true}',
    ' [{"type": "tool_result", "content": "boom", "is_error": true}]',
    '{"role": "user", "content": [{"type": "tool_result", "is_error": true}]}',
    f'{{"type": "tool", {_TOOL_MESSAGE}}}',
    f'{{"type": "tool", "data": {{{_TOOL_MESSAGE}}}}}',
    f'{{"output": {{{_TOOL_MESSAGE}}}}}',
    f'{{"lc": 1, "type": "constructor", "id": ["langchain"], "kwargs": {{{_TOOL_MESSAGE}}}}}',
    f'{{"output": {{"lc": 1, "kwargs": {{{_TOOL_MESSAGE}}}}}, "kwargs": {{}}}}',
    f'{{"messages": [{{{_TOOL_MESSAGE}}}]}}',
    '{"toolUseId": "t1", "status": "error", "content": [{"text": "boom"}]}',
    '{"status": "error", "error_message": "no such city"}',
    '{"blocks": [], "tool_name": "t", "raw_output": "boom", "is_error": true}',
]
FINE_RESULTS = [
    *(
        "",
        "isError: true",
        '"isError"',
        '"{\\"isError\\": true}"',
        '{"isError": false}',
        '{"isError": "true"}',
        '{"isError": true',
    ),
    *('{"text": "{\\"isError\\": true}"}', '{"status": "error"}', '{"order": {"status": "error", "tool_call_id": ""}}'),
    *(
        '{"docs": [{"isError": true}]}',
        "[true, true]",
        "[[true]]",
        '{"output": [true, true, "error"]}',
        '{"result": [1, 2]}',
    ),
    *('{"status": "success", "tool_call_id": "c1", "content": "status: error"}', "null", '{"isError": null}', "17"),
]


def _row(name: str, kind: str, told: Told) -> Row:
    """A span of this kind alone in its trace, which says so of its end."""
    row = span(
        f"{name} {kind}",
        {"gen_ai.operation.name": _KINDS[kind], **told.attributes},
        TraceId=f"{name} {kind}",
        StatusCode=told.status,
        StatusMessage=told.message,
    )
    if told.exception:
        row |= {"Events.Timestamp": [0], "Events.Name": ["exception"], "Events.Attributes": [dict(told.exception)]}
    return row


def _spelled(rule: EndingRule) -> Iterator[Told]:
    """The rule's text wherever a span may tell of it."""
    text = re.sub(r"\{([^|}]*)[^}]*\}", r"\1", rule.text).replace("%", "x").strip()
    if text.startswith("grpc "):
        yield Told({"rpc.grpc.status_code": text.removeprefix("grpc ")})
        return
    if rule.where == "type":
        for name in (text, f"some.module.{text}", f"crate::{text.upper()}"):
            yield Told({"error.type": name})
            yield Told({}, {"exception.type": name})
        return
    for message in (text, text.upper() + ".", f"Error: {text}"):
        yield Told({"exception.message": message})
        yield Told({}, {"exception.type": "Error", "exception.message": message})
        yield Told({}, {}, message)


_FAMILY = [(_STATUS[rule.ending], told) for rule in ending_rules() for told in _spelled(rule)]
_TOLD = {"examples": _EXAMPLES, "family": _FAMILY}
_SAID = [(text, False) for text in FAILED_RESULTS] + [(text, True) for text in FINE_RESULTS]


def _named(told: list[tuple[str, Told]]) -> dict[tuple[str, str], tuple[str, Told]]:
    return {(f"{number:04}", kind): each for (number, each), kind in product(enumerate(told), _KINDS)}


@pytest.fixture(scope="module")
def rows(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Row]]:
    """All of these by tenant, stored and settled."""
    found = {
        tenant: [_row(name, kind, told) for (name, kind), (_, told) in _named(endings).items()]
        for tenant, endings in _TOLD.items()
    }
    found["results"] = [
        _row(f"{number:04}", "tool", Told({attribute: text}, status=status))
        for number, ((text, _), attribute, status) in enumerate(product(_SAID, _RESULTS, ("Ok", "Unset")))
    ]
    insert(database, found, tmp_path_factory.mktemp("endings"))
    settle(database)
    return found


@pytest.mark.parametrize("tenant", ["examples", "family", "results"])
def test_an_ending_is_what_the_oracle_says(database: Database, rows: Mapping[str, list[Row]], tenant: str) -> None:
    assert_equal(stored_spans(database, tenant), expected_spans(rows[tenant]))
    assert_settled(database, tenant, rows[tenant])


@pytest.mark.parametrize("tenant", ["examples", "family"])
def test_a_run_ends_as_it_says_wherever_it_says_so(
    database: Database, rows: Mapping[str, list[Row]], tenant: str
) -> None:
    wanted = {f"{name} {kind}": each for (name, kind), each in _named(_TOLD[tenant]).items() if kind == "agent"}
    found = dict(_stored(database, "agent_executions FINAL", "TraceId, Status", tenant))
    wrong = {name: (found[name], status, told) for name, (status, told) in wanted.items() if found[name] != status}
    assert not wrong


@pytest.mark.parametrize("tenant", ["examples", "family"])
def test_a_call_that_pauses_or_hands_over_has_not_failed(
    database: Database, rows: Mapping[str, list[Row]], tenant: str
) -> None:
    wanted = {f"{name} {kind}": each for (name, kind), each in _named(_TOLD[tenant]).items() if kind != "agent"}
    found = dict(_stored(database, "agent_calls FINAL", "TraceId, Success", tenant))
    wrong = [
        (told, status) for name, (status, told) in wanted.items() if found[name] != (status in {"paused", "completed"})
    ]
    assert not wrong


def test_a_tool_has_failed_where_its_result_says_so_and_nowhere_else(
    database: Database, rows: Mapping[str, list[Row]]
) -> None:
    found = dict(_stored(database, "agent_calls FINAL", "TraceId, Success", "results"))
    for number, ((text, success), attribute, status) in enumerate(product(_SAID, _RESULTS, ("Ok", "Unset"))):
        assert found[f"{number:04} tool"] == success, (text, attribute, status)


PARENTS: Mapping[str, tuple[dict[str, str], bool, str]] = {
    # What it says, whether it calls a model itself, and its status.
    "agent": ({}, True, "Unset"),
    "agent that is fine": ({}, True, "Ok"),
    "wrapper": ({}, False, "Unset"),
    "wrapper that says how it ended": ({"spanhouse.execution.status": "completed"}, False, "Unset"),
}
CHILDREN = {"failed": "ValueError", "cancelled": "AbortError", "paused": "GraphInterrupt", "completed": "ParentCommand"}


def _family_of(parent: str, child: str) -> list[Row]:
    said, calls, status = PARENTS[parent]
    trace = f"{parent}, {child}"
    agent = {"gen_ai.operation.name": "invoke_agent"}
    below = agent | {"gen_ai.agent.name": "below", "error.type": CHILDREN[child]}
    rows = [
        span("p", agent | {"gen_ai.agent.name": "above"} | said, TraceId=trace, StatusCode=status),
        span("c", below, "p", TraceId=trace, StatusCode="Error"),
    ]
    return [*rows, span("m", {"gen_ai.operation.name": "chat"}, "p", TraceId=trace)] if calls else rows


def test_a_run_keeps_what_it_says_whatever_became_of_those_below(database: Database, tmp_path: Path) -> None:
    pairs = list(product(PARENTS, CHILDREN))
    orphans = [
        span(
            "m",
            {"gen_ai.operation.name": "chat", "error.type": CHILDREN[child]},
            "never",
            TraceId=child,
            StatusCode="Error",
        )
        for child in CHILDREN
    ]
    rows = [*(row for pair in pairs for row in _family_of(*pair)), *orphans]
    insert(database, {"parents": rows}, tmp_path)
    settle(database)
    assert_settled(database, "parents", rows)
    found = {
        (trace, run): status
        for trace, run, status in database.rows(
            "SELECT TraceId, ExecutionId, Status FROM spanhouse.agent_executions FINAL WHERE TenantId = 'parents'"
        )
    }
    for parent, child in pairs:
        # Only a wrapper that says nothing fails with what it ends in.
        fails = (parent, child) == ("wrapper", "failed")
        assert found[f"{parent}, {child}", "p"] == ("failed" if fails else "completed"), (parent, child)
        assert found[f"{parent}, {child}", "c"] == child
    # A root that never came has ended as its last call did, but it is not that which waits.
    ended = {"failed": "failed", "cancelled": "cancelled", "paused": "completed", "completed": "completed"}
    assert {child: found[child, "never"] for child in CHILDREN} == ended


def _stored(database: Database, table: str, columns: str, tenant: str) -> list[tuple[str, object]]:
    return [
        (name, value)
        for name, value in database.rows(
            f"SELECT {columns} FROM spanhouse.{table} WHERE TenantId = {{tenant:String}}", parameters={"tenant": tenant}
        )
    ]
