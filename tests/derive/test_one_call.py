"""What several instrumentations tell of counts once, and what one tells twice counts twice; so do runs and attempts."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any, TypeAlias

import pytest

from tests.derive.columns import derived
from tests.oracle import normalise
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.expected_executions import assert_equal, expected

AGENT, CHAT = ({"gen_ai.operation.name": name} for name in ("invoke_agent", "chat"))
ID = {"id": "msg_1"}
MS, START_NS = 10**6, 1_790_000_000_000_000_000
SCOPES = (
    "opentelemetry.instrumentation.anthropic",
    "openinference.instrumentation.anthropic",
    "com.anthropic.sdk.python",
)
MODELS = ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5", "")
_Derived: TypeAlias = tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]
_COMPARED = ("ModelCalls", "FailedModelCalls", "InputTokens", "CacheReadTokens", "OutputTokens", "TotalModelCalls")
# What two conventions say of one call: the cache beside the input or within it, and a token more.
USED = ((100, None, 10), (92, 8, 10), (92, 8, 11), (None, None, None))


def _call(span_id: str, parent: str, at_ms: int, long_ms: int, /, **said: Any) -> Row:
    """A call of a model; what it says by short names."""
    names = {"model": "gen_ai.request.model", "id": "gen_ai.response.id", "provider": "gen_ai.provider.name"}
    names |= {"input": "gen_ai.usage.input_tokens", "cached": "gen_ai.usage.cache_read.input_tokens"}
    names |= {"output": "gen_ai.usage.output_tokens"}
    attributes = {names[name]: str(text) for name, text in said.items() if name in names and text not in {None, ""}}
    return span(
        span_id,
        CHAT | attributes,
        parent,
        Timestamp=START_NS + at_ms * MS,
        Duration=long_ms * MS,
        ScopeName=said.get("scope", ""),
        SpanName=f"chat {said.get('model', '')}",
        StatusCode="Error" if said.get("failed") else "Unset",
        TraceId=said.get("trace", "aa") * 16,
        ResourceAttributes={"service.instance.id": said["process"]} if "process" in said else {},
    )


def _run(span_id: str, parent: str, at_ms: int, long_ms: int, status: str = "Unset") -> Row:
    said = AGENT | {"gen_ai.agent.name": "a"}
    times = {"Timestamp": START_NS + at_ms * MS, "Duration": long_ms * MS, "TraceId": "aa" * 16}
    return span(span_id, said, parent, StatusCode=status, **times)


def _derived(*rows: Row) -> _Derived:
    """The executions by id, and the calls; the oracle says the same."""
    (found,) = _all_derived([rows])
    return found


def _all_derived(cases: Sequence[Sequence[Row]]) -> list[_Derived]:
    """The same of several cases at once."""
    spans = [[normal for row in rows if (normal := normalise(row))] for rows in cases]
    found = derived(dict(enumerate(spans)))
    executions, calls = (each.rows_by_key("Tenant", named=True) for each in (found.executions, found.calls))
    derived_cases = [
        ({each["ExecutionId"].decode(): each for each in executions.get(case, [])}, calls.get(case, []))
        for case in range(len(cases))
    ]
    for rows, (runs, told) in zip(cases, derived_cases, strict=True):
        wanted, wanted_calls = expected(rows)
        assert_equal(
            {key: {name: each[name] for name in _COMPARED} for key, each in runs.items()},
            {key: {name: each[name] for name in _COMPARED} for (_, key), each in wanted.items()},
        )
        assert {call["SpanId"].decode() for call in told} == {key for _, key in wanted_calls}
    return derived_cases


def _tokens(call: Mapping[str, Any]) -> tuple[int | None, ...]:
    return call["InputTokens"], call["CacheReadTokens"], call["OutputTokens"]


@pytest.mark.parametrize("trace", ["aa", "bb"], ids=["beside it", "in a trace of its own"])
@pytest.mark.parametrize(("one", "other"), list(combinations(SCOPES, 2)))
def test_a_response_that_two_instrumentations_tell_of_is_one_call(one: str, other: str, trace: str) -> None:
    above = "a" if trace == "aa" else ""
    ways = list(product(MODELS, MODELS, USED, USED))
    cases = [
        [
            _run("a", "", 0, 500),
            _call("c", "a", 5, 80, scope=one, model=model, **ID, **_said(used)),
            _call("d", above, 6, 78, scope=other, model=there, trace=trace, **ID, **_said(used_there)),
        ]
        for model, there, used, used_there in ways
    ]
    for (model, there, *used), (executions, calls) in zip(ways, _all_derived(cases), strict=True):
        (call,) = calls
        assert call["SpanId"] == b"c"
        assert executions["a"]["ModelCalls"] == 1
        told = [each for each in used if each[0] is not None]
        assert _tokens(call) == max(told, key=lambda each: (each[1] is not None, each[2] or 0), default=USED[-1])
        assert bool(call["RequestModel"]) == bool(model or there)


def _said(used: tuple[int | None, ...]) -> dict[str, int | None]:
    uncached, cached, output = used
    return {"input": None if uncached is None else uncached + (cached or 0), "cached": cached, "output": output}


@pytest.mark.parametrize("scope", SCOPES)
def test_a_response_that_one_instrumentation_tells_of_twice_is_two_calls(scope: str) -> None:
    said = {"scope": scope, "id": "constant", "input": 10, "output": 2}
    calls = [_call(f"c{number}", "a", number, 80, model=f"gpt-{number}", **said) for number in range(3)]
    executions, _ = _derived(_run("a", "", 0, 500), *calls)
    assert executions["a"]["ModelCalls"] == 3


@pytest.mark.parametrize("gap_ms", [2, 30], ids=["at once", "one after the other"])
def test_answers_of_one_constant_id_are_as_many_as_each_instrumentation_tells_of(gap_ms: int) -> None:
    rows = [_run("a", "", 0, 900)]
    for number in range(5):
        said = {"id": "constant", "input": 10, "output": 2}
        rows.append(_call(f"c{number}", "a", number * gap_ms, 20, scope=SCOPES[0], **said))
        rows.append(_call(f"d{number}", "a", number * gap_ms + 1, 18, scope=SCOPES[1], **said))
    executions, _ = _derived(*rows)
    assert (executions["a"]["ModelCalls"], executions["a"]["InputTokens"]) == (5, 50)


def test_a_response_told_at_another_time_is_another_call() -> None:
    executions, _ = _derived(
        _run("a", "", 0, 900),
        _call("c", "a", 5, 80, scope=SCOPES[0], id="msg_1"),
        _call("d", "a", 100, 80, scope=SCOPES[1], id="msg_1"),
    )
    assert executions["a"]["ModelCalls"] == 2


@pytest.mark.parametrize("trace", ["aa", "bb"], ids=["beside it", "in a trace of its own"])
@pytest.mark.parametrize(
    ("there", "calls"),
    [
        ({}, 1),
        ({"model": "openai/gpt-4o-2024-08-06"}, 1),
        ({"model": "", "provider": "OpenAI"}, 1),
        ({"at_ms": 5, "long_ms": 80}, 1),
        ({"model": "", "provider": ""}, 2),
        ({"model": "claude-sonnet-4-5", "provider": "anthropic"}, 2),
        ({"scope": SCOPES[0]}, 2),
        ({"process": "another"}, 2),
        ({"at_ms": 20}, 2),
        ({"failed": False}, 2),
    ],
)
def test_a_failure_that_two_instrumentations_of_a_process_tell_of_is_one_call(
    there: dict[str, Any], calls: int, trace: str
) -> None:
    said = {"model": "gpt-4o", "provider": "openai", "process": "one", "failed": True}
    other = {"at_ms": 6, "long_ms": 78, "scope": SCOPES[1], **said, **there}
    at_ms, long_ms = other.pop("at_ms"), other.pop("long_ms")
    executions, found = _derived(
        _run("a", "", 0, 500),
        _call("c", "a", 5, 80, scope=SCOPES[0], **said),
        _call("d", "a" if trace == "aa" else "", at_ms, long_ms, trace=trace, **other),
    )
    assert len(found) == calls
    assert executions["a"]["FailedModelCalls"] >= 1


def test_failures_at_once_are_as_many_as_each_instrumentation_tells_of() -> None:
    said = {"model": "gpt-4o", "failed": True}
    rows = [_run("a", "", 0, 900)]
    for number in range(6):
        rows.append(_call(f"c{number}", "a", number * 3, 40 + number, scope=SCOPES[0], **said))
        rows.append(_call(f"d{number}", "", number * 3 + 1, 38 + number, scope=SCOPES[1], trace="bb", **said))
    executions, calls = _derived(*rows)
    assert (executions["a"]["FailedModelCalls"], len(calls)) == (6, 6)


@pytest.mark.parametrize("order", [("failed", "ok"), ("ok", "failed"), ("failed", "failed", "ok")])
def test_attempts_within_a_call_are_calls_and_the_tokens_are_of_the_one_that_succeeded(order: tuple[str, ...]) -> None:
    attempts = [
        _call(f"c{number}", "m", 10 + number * 50, 40, failed=ending == "failed") for number, ending in enumerate(order)
    ]
    executions, calls = _derived(
        _run("a", "", 0, 500), _call("m", "a", 5, 300, input=100, output=10, model="gpt-4o"), *attempts
    )
    assert executions["a"]["ModelCalls"] == len(order)
    assert executions["a"]["FailedModelCalls"] == order.count("failed")
    assert [call["InputTokens"] for call in calls if call["Success"]] == [100]
    assert not any(call["InputTokens"] for call in calls if not call["Success"])


def test_a_call_that_fails_again_and_again_is_one() -> None:
    attempts = [_call(f"c{number}", "m", 10 + number * 50, 40, failed=True) for number in range(3)]
    executions, (call,) = _derived(_run("a", "", 0, 500), _call("m", "a", 5, 300, failed=True), *attempts)
    assert (executions["a"]["FailedModelCalls"], call["Retries"]) == (1, 2)


@pytest.mark.parametrize(
    ("inner", "runs"),
    [
        ([(1, 998)], 1),
        ([(0, 1000)], 1),
        ([(100, 800)], 1),
        ([(10, 500)], 2),
        ([(10, 500), (10, 500), (10, 500)], 4),
        ([(1, 998), (1, 998)], 3),
        ([(1, 998), (300, 100)], 2),
    ],
)
def test_an_agent_below_one_of_its_name_is_that_one_only_where_it_alone_covers_it(
    inner: list[tuple[int, int]], runs: int
) -> None:
    rows = [_run("a", "", 0, 1000)]
    for number, (at_ms, long_ms) in enumerate(inner):
        rows.append(_run(f"b{number}", "a", at_ms, long_ms))
        rows.append(_call(f"c{number}", f"b{number}", at_ms + 1, 5, input=10))
    executions, _ = _derived(*rows)
    assert len(executions) == runs
    assert executions["a"]["TotalModelCalls"] == len(inner)


def test_a_call_of_an_agent_before_it_runs_itself_again_is_its_own() -> None:
    executions, _ = _derived(
        _run("a", "", 0, 1000),
        _call("c", "a", 1, 50),
        _run("b", "a", 60, 935),
        _call("d", "b", 70, 50),
        _call("e", "b", 170, 50),
    )
    assert {key: each["ModelCalls"] for key, each in executions.items()} == {"a": 1, "b": 2}
    assert executions["b"]["ParentExecutionId"] == b"a"


@pytest.mark.parametrize(("status", "came_to"), [("Ok", b"completed"), ("Unset", b"failed"), ("Error", b"failed")])
def test_what_fails_within_a_run_that_says_ok_has_been_dealt_with(status: str, came_to: bytes) -> None:
    executions, _ = _derived(
        _run("a", "", 0, 1000, status=status), _run("b", "a", 1, 998, status="Error"), _call("c", "b", 5, 5)
    )
    assert executions["a"]["Status"] == came_to


def test_usage_of_a_span_that_nobody_knows_and_that_names_no_model_counts_where_nothing_else_tells_of_any() -> None:
    usage = {"gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": "10"}
    unknown = span("u", usage, TraceId="aa" * 16, ScopeName="vendor")
    _, (call,) = _derived(unknown)
    assert (call["InputTokens"], call["CostSource"], call["CostUSD"]) == (100, b"unpriced", None)
    # It may be a summary of what others tell of.
    _, (call,) = _derived(unknown, _call("c", "", 0, 9, model="gpt-4o", input=60, output=5))
    assert (call["SpanId"], call["InputTokens"]) == (b"c", 60)
