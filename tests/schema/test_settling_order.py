"""The same rows whatever the order, the requests and the repeats of spans, and however often they are settled."""

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.settling import settle
from tests.exported import insert
from tests.recorded import span
from tests.reference import Row
from tests.settled import assert_settled, stored_calls, stored_executions

# Detached roots, two instrumentations of each call, sub-agents, requests that split a trace.
NAMES = ("agno-oi-plus-openai", "langchain-openinference-split", "adk", "oaagents-genai-plus-openai")
OTHER_TRACE = "ab" * 16
AGENT, CHAT = {"gen_ai.operation.name": "invoke_agent"}, {"gen_ai.operation.name": "chat"}
RESPONSE = CHAT | {"gen_ai.response.id": "r-1", "gen_ai.usage.input_tokens": "7"}
WINDOWS_S = (None, 3600.0)


def test_reversed_and_in_two_requests_with_a_settling_between(
    database: Database, corpus: Mapping[str, list[Row]], tmp_path: Path
) -> None:
    tenants = {f"reversed-{name}": corpus[name][::-1] for name in NAMES}
    insert(database, {tenant: rows[::2] for tenant, rows in tenants.items()}, tmp_path)
    settle(database, 3600)
    insert(database, {tenant: rows[1::2] for tenant, rows in tenants.items()}, tmp_path)
    settle(database, 3600)
    for tenant, rows in tenants.items():
        assert_settled(database, tenant, rows)
        assert _rows(database, tenant) == _rows(database, tenant.removeprefix("reversed-"))


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.data())
def test_any_order_splits_repeats_and_settlings_come_to_the_same_rows(
    database: Database, corpus: Mapping[str, list[Row]], tmp_path: Path, data: st.DataObject
) -> None:
    tenants = {f"{name}-{uuid4().hex}": data.draw(st.permutations(corpus[name])) for name in NAMES}
    ends = sorted(data.draw(st.lists(st.floats(0, 1), max_size=3)))
    for begin, end in zip([0, *ends], [*ends, 1], strict=True):
        # A request may bring again what came before.
        begins_at = data.draw(st.sampled_from([begin, begin / 2]))
        insert(database, {tenant: _part(rows, begins_at, end) for tenant, rows in tenants.items()}, tmp_path)
        for within_s in data.draw(st.lists(st.sampled_from(WINDOWS_S), max_size=2)):
            settle(database, within_s)
    settle(database, data.draw(st.sampled_from(WINDOWS_S)))
    for tenant, rows in tenants.items():
        assert_settled(database, tenant, rows)
        assert _rows(database, tenant) == _rows(database, tenant.rpartition("-")[0])


def test_a_replay_of_the_same_rows_changes_nothing(
    database: Database, corpus: Mapping[str, list[Row]], tmp_path: Path
) -> None:
    for _ in range(2):
        insert(database, {"replayed": corpus["adk"]}, tmp_path)
        settle(database, 3600)
        assert _rows(database, "replayed") == _rows(database, "adk")


def test_what_is_settled_is_not_written_again(database: Database, corpus: Mapping[str, list[Row]]) -> None:
    settle(database)
    newest = "SELECT (SELECT max(Version) FROM spanhouse.agent_executions), max(Version) FROM spanhouse.agent_calls"
    before = database.rows(newest)
    settle(database)
    assert database.rows(newest) == before


def test_a_run_that_comes_late_takes_the_place_of_what_stood_for_it(database: Database, tmp_path: Path) -> None:
    call, between = span("c", CHAT, "b"), span("b", {}, "a")
    insert(database, {"late-root": [call]}, tmp_path)
    settle(database, 3600)
    assert _kinds(database, "late-root") == {"b": "implicit"}
    insert(database, {"late-root": [span("a", AGENT), between]}, tmp_path)
    settle(database, 3600)
    assert _kinds(database, "late-root") == {"a": "agent"}
    assert_settled(database, "late-root", [call, between, span("a", AGENT)])


def test_a_call_that_another_trace_tells_better_is_taken_back(database: Database, tmp_path: Path) -> None:
    alone = span("a", RESPONSE, ScopeName="one")
    better = [span("b", AGENT, TraceId=OTHER_TRACE), span("c", RESPONSE, "b", TraceId=OTHER_TRACE, ScopeName="another")]
    insert(database, {"told-twice": [alone]}, tmp_path)
    settle(database, 3600)
    assert len(stored_calls(database, "told-twice")) == 1
    insert(database, {"told-twice": better}, tmp_path)
    settle(database, 3600)
    assert set(stored_calls(database, "told-twice")) == {(OTHER_TRACE, "c")}
    assert _kinds(database, "told-twice") == {"b": "agent"}
    assert_settled(database, "told-twice", [alone, *better])


def test_a_call_that_another_trace_tells_better_is_never_there_when_that_came_first(
    database: Database, tmp_path: Path
) -> None:
    alone = span("a", RESPONSE, ScopeName="one")
    better = [span("b", AGENT, TraceId=OTHER_TRACE), span("c", RESPONSE, "b", TraceId=OTHER_TRACE, ScopeName="another")]
    insert(database, {"told-before": better}, tmp_path)
    settle(database, 3600)
    insert(database, {"told-before": [alone]}, tmp_path)
    settle(database, 3600)
    assert_settled(database, "told-before", [alone, *better])


def test_a_span_that_is_sent_again_when_it_has_ended_counts_as_it_ended(database: Database, tmp_path: Path) -> None:
    begun = span("a", AGENT, Duration=2**64 - 1)
    ended = span("a", AGENT | {"gen_ai.agent.name": "late"}, StatusCode="Error")
    for rows in ([begun], [ended], [begun]):
        insert(database, {"sent-again": rows}, tmp_path)
        settle(database, 3600)
    (execution,) = stored_executions(database, "sent-again").values()
    assert (execution["AgentName"], execution["Status"]) == ("late", "failed")


def _part(rows: list[Row], begin: float, end: float) -> list[Row]:
    return rows[int(begin * len(rows)) : int(end * len(rows))]


def _kinds(database: Database, tenant: str) -> dict[str, str]:
    return {execution_id: row["Kind"] for (_, execution_id), row in stored_executions(database, tenant).items()}


def _rows(database: Database, tenant: str) -> list[bytes]:
    """Every column of a tenant's executions and calls, but for what says when and from which rows they were settled."""
    return [
        database.text(
            f"SELECT * EXCEPT ({unlike}) FROM spanhouse.{table} FINAL WHERE TenantId = {{tenant:String}} ORDER BY ALL",
            "TabSeparated",
            parameters={"tenant": tenant},
        )
        for table, unlike in (
            ("agent_executions", "TenantId, Version, Fingerprint"),
            ("agent_calls", "TenantId, Version"),
        )
    ]
