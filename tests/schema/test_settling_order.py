"""The same rows whatever the order, the requests and the repeats of spans, and however often they are settled."""

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.expected_executions import Rows, assert_all_settled, assert_settled, stored_calls, stored_executions
from tests.support.insert_rows import insert

# Detached roots, two instrumentations of each call, sub-agents, requests that split a trace.
NAMES = ("agno-oi-plus-openai", "langchain-openinference-split", "adk", "oaagents-genai-plus-openai")
OTHER_TRACE = "ab" * 16
AGENT, CHAT = {"gen_ai.operation.name": "invoke_agent"}, {"gen_ai.operation.name": "chat"}
RESPONSE = CHAT | {"gen_ai.response.id": "r-1", "gen_ai.usage.input_tokens": "7"}
WINDOWS_S = (None, 3600.0)

ALONE = span("a", RESPONSE, ScopeName="one")
BETTER = [span("b", AGENT, TraceId=OTHER_TRACE), span("c", RESPONSE, "b", TraceId=OTHER_TRACE, ScopeName="another")]
LATE = [span("a", AGENT), span("b", {}, "a"), span("c", CHAT, "b")]
BEGUN, ENDED = span("a", AGENT, Duration=2**64 - 1), span("a", AGENT, StatusCode="Error")
SEVEN, NINE = (span("a", CHAT | {"gen_ai.usage.input_tokens": tokens}) for tokens in ("7", "9"))
# What comes of each tenant, request by request; after each of them it is settled.
REQUESTS: dict[str, list[list[Row]]] = {
    "late-root": [LATE[2:], LATE[:2]],
    "told-twice": [[ALONE], BETTER],
    "told-before": [BETTER, [ALONE]],
    "sent-again": [[BEGUN], [ENDED], [BEGUN]],
    "seven-then-nine": [[SEVEN], [NINE]],
    "nine-then-seven": [[NINE], [SEVEN]],
}


class After(NamedTuple):
    """What stands there after a settling: executions by tenant and id, the ids of calls by tenant."""

    executions: dict[str, dict[str, dict[str, Any]]]
    calls: dict[str, set[str]]


@pytest.fixture(scope="module")
def rounds(
    database: Database, corpus: Mapping[str, list[Row]], tmp_path_factory: pytest.TempPathFactory
) -> list[After]:
    """Every case at once, as a settling costs the same for all of them."""
    requests = {**REQUESTS, **{f"replayed-{name}": [corpus[name]] * 2 for name in NAMES}}
    requests |= {f"reversed-{name}": [corpus[name][::-2], corpus[name][-2::-2]] for name in NAMES}
    found = []
    for each in zip_longest(*requests.values(), fillvalue=[]):
        insert(database, dict(zip(requests, each, strict=True)), tmp_path_factory.mktemp("round"))
        settle(database, 3600)
        executions = {tenant: _by_id(stored_executions(database, tenant)) for tenant in REQUESTS}
        calls = {tenant: set(_by_id(stored_calls(database, tenant))) for tenant in REQUESTS}
        found.append(After(executions, calls))
    return found


@pytest.mark.parametrize("how", ["replayed", "reversed"])
@pytest.mark.parametrize("name", NAMES)
def test_a_replay_and_another_order_come_to_the_same_rows(
    database: Database, corpus: Mapping[str, list[Row]], rounds: list[After], name: str, how: str
) -> None:
    assert_settled(database, f"{how}-{name}", corpus[name])
    assert _rows(database, f"{how}-{name}") == _rows(database, name)


@pytest.mark.parametrize("tenant", ["late-root", "told-twice", "told-before"])
def test_what_came_bit_by_bit_is_what_the_oracle_derives(database: Database, rounds: list[After], tenant: str) -> None:
    assert_settled(database, tenant, [row for rows in REQUESTS[tenant] for row in rows])


def test_a_run_that_comes_late_takes_the_place_of_what_stood_for_it(rounds: list[After]) -> None:
    kinds = [{key: row["Kind"] for key, row in after.executions["late-root"].items()} for after in rounds]
    assert kinds[:2] == [{"b": "implicit"}, {"a": "agent"}]


def test_a_call_that_another_trace_tells_better_is_taken_back(rounds: list[After]) -> None:
    assert [after.calls["told-twice"] for after in rounds[:2]] == [{"a"}, {"c"}]
    assert [set(after.executions["told-twice"]) for after in rounds[:2]] == [{"a"}, {"b"}]


def test_a_call_that_another_trace_told_better_before_never_counts(rounds: list[After]) -> None:
    assert [after.calls["told-before"] for after in rounds[:2]] == [{"c"}, {"c"}]


def test_a_span_that_is_sent_again_when_it_has_ended_counts_as_it_ended(rounds: list[After]) -> None:
    found = [after.executions["sent-again"]["a"] for after in rounds]
    assert [each["Status"] for each in found] == ["completed", "failed", "failed"]
    assert [each["EndedAt"] is None for each in found] == [True, False, False]


def test_of_two_contents_at_the_same_time_the_same_one_counts_whichever_came_first(rounds: list[After]) -> None:
    last = rounds[-1].executions
    assert last["seven-then-nine"] == last["nine-then-seven"]


def test_what_is_settled_is_not_written_again(database: Database, corpus: Mapping[str, list[Row]]) -> None:
    settle(database)
    newest = "SELECT (SELECT max(Version) FROM spanhouse.agent_executions), max(Version) FROM spanhouse.agent_calls"
    before = database.rows(newest)
    settle(database)
    assert database.rows(newest) == before


@pytest.mark.slow
@settings(max_examples=4, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.data())
def test_any_order_splits_repeats_and_settlings_come_to_the_same_rows(
    database: Database, corpus: Mapping[str, list[Row]], tmp_path: Path, data: st.DataObject
) -> None:
    # Several orders at once, as a settling costs the same for all of them.
    tenants = {f"{name}-{uuid4().hex}": data.draw(st.permutations(corpus[name])) for name in NAMES * 3}
    ends = sorted(data.draw(st.lists(st.floats(0, 1), max_size=3)))
    for begin, end in zip([0, *ends], [*ends, 1], strict=True):
        # A request may bring again what came before.
        begins_at = data.draw(st.sampled_from([begin, begin / 2]))
        insert(database, {tenant: _part(rows, begins_at, end) for tenant, rows in tenants.items()}, tmp_path)
        for within_s in data.draw(st.lists(st.sampled_from(WINDOWS_S), max_size=2)):
            settle(database, within_s)
    settle(database, data.draw(st.sampled_from(WINDOWS_S)))
    assert_all_settled(database, tenants)
    for tenant in tenants:
        assert _rows(database, tenant) == _rows(database, tenant.rpartition("-")[0])


def _part(rows: list[Row], begin: float, end: float) -> list[Row]:
    return rows[int(begin * len(rows)) : int(end * len(rows))]


def _by_id(rows: Rows) -> dict[str, dict[str, Any]]:
    return {each_id: row for (_, each_id), row in rows.items()}


def _rows(database: Database, tenant: str) -> list[bytes]:
    """Every column of a tenant's executions and calls, but for what says when and from which rows they were settled."""
    return [
        database.text(
            f"SELECT * EXCEPT ({unlike}) FROM spanhouse.{table} FINAL WHERE TenantId = {{tenant:String}} ORDER BY ALL",
            "TabSeparated",
            parameters={"tenant": tenant},
        )
        for table, unlike in (
            ("agent_executions", "TenantId, Version, Fingerprint, CameAt"),
            ("agent_calls", "TenantId, Version"),
        )
    ]


def test_a_trace_may_be_called_anything(database: Database) -> None:
    """Whoever inserts by other ways than ours need not keep to hex digits, or to UTF-8."""
    attributes = "map('gen_ai.operation.name', 'chat')"
    database.command(
        "INSERT INTO spanhouse.otel_traces (TenantId, Timestamp, TraceId, SpanId, SpanAttributes) "
        f"SELECT 'any-name', now64(9), arrayJoin(['\\xff\\xfe', '', 'a''b\\t']), 'x', {attributes}"
    )
    settle(database, 3600)
    count = "SELECT count() FROM spanhouse.agent_executions FINAL WHERE TenantId = 'any-name'"
    assert database.rows(count) == [(3,)]
