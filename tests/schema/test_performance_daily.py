"""Each agent's days: what is counted, as the reference counts it, and that it follows whatever executions become."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import ledger
from spanhouse_schema.derive.settling import Settling, settle
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.expected_performance import Days, assert_counted, assert_same, counted, from_spans, stored
from tests.support.histories import History, histories, rounds
from tests.support.in_rounds import Cases, Outcomes, Steps, settled
from tests.support.insert_rows import insert

AGENT, CHAT, TOOL = ({"gen_ai.operation.name": name} for name in ("invoke_agent", "chat", "execute_tool"))
BOT = AGENT | {"gen_ai.agent.name": "bot"}
USED = {"gen_ai.usage.input_tokens": "100", "gen_ai.usage.cache_read.input_tokens": "40"}
# 2026-10-20, 12:00 UTC.
NOON_NS = 1_792_497_600_000_000_000
HOUR_NS, DAY_NS = 3600 * 10**9, 24 * 3600 * 10**9
NEVER_ENDED = 2**64 - 1
_tenants = count()
CASES = Cases[list[Row], None]("days")


@pytest.fixture(scope="module")
def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return CASES.play(database, settled(database, tmp_path_factory.mktemp("days")), assert_counted)


@pytest.fixture
def tenant() -> str:
    return f"days-{next(_tenants)}"


def test_the_days_of_every_recording_are_what_the_oracle_counts(
    database: Database, corpus: Mapping[str, list[Row]]
) -> None:
    found = {name: stored(database, name) for name in corpus}
    assert_same(found, {name: from_spans(rows, database.timezone) for name, rows in corpus.items()})


def test_the_days_of_every_recording_are_what_its_executions_come_to(
    database: Database, corpus: Mapping[str, list[Row]]
) -> None:
    settle(database, 600)
    # Not everybody's: other tests put rows into the rollup that no execution stands behind.
    for name in corpus:
        assert_counted(database, name)


@CASES.case
def test_a_task_is_what_an_agent_or_a_workflow_ran(database: Database, tenant: str) -> Steps:
    rows = [
        span("a", BOT),
        span("b", BOT, TraceId="t2", StatusCode="Error"),
        span("c", BOT | {"error.type": "asyncio.CancelledError"}, TraceId="t3", StatusCode="Error"),
        span("d", BOT, TraceId="t4"),
    ]
    yield rows
    (day,) = stored(database, tenant).values()
    tasks = {name: value for name, value in day.items() if name.startswith("tasks")}
    assert tasks == {"tasks_attempted": 4, "tasks_completed": 2, "tasks_failed": 1, "tasks_cancelled": 1}
    assert day["success_rate"] == pytest.approx(200 / 3), "what was cancelled neither succeeded nor failed"


@CASES.case
def test_a_task_that_runs_is_attempted_and_nothing_else_yet(database: Database, tenant: str) -> Steps:
    yield _say(database, tenant, "running", NOON_NS)
    (day,) = stored(database, tenant).values()
    assert (day["tasks_attempted"], day["tasks_completed"], day["tasks_failed"]) == (1, 0, 0)
    assert (day["success_rate"], day["avg_duration_ms"], day["p99_duration_ms"]) == (None, None, None)
    yield _say(database, tenant, "failed", NOON_NS + 3 * 10**9)
    (day,) = stored(database, tenant).values()
    assert (day["tasks_attempted"], day["tasks_failed"], day["success_rate"]) == (1, 1, 0)
    assert (day["avg_duration_ms"], day["p50_duration_ms"]) == (3000, pytest.approx(3000, rel=0.01))


@CASES.case
def test_calls_of_no_agent_count_though_they_are_no_task(database: Database, tenant: str) -> Steps:
    rows = [span("a", CHAT | USED), span("b", BOT, TraceId="t2"), span("c", TOOL, "b", TraceId="t2")]
    yield rows
    days = {key.agent_name: day for key, day in stored(database, tenant).items()}
    assert (days[""]["tasks_attempted"], days[""]["success_rate"], days[""]["total_llm_calls"]) == (0, None, 1)
    assert (days["bot"]["tasks_attempted"], days["bot"]["total_llm_calls"], days["bot"]["tool_calls"]) == (1, 0, 1)


@CASES.case
def test_what_a_sub_agent_used_is_its_own_alone(database: Database, tenant: str) -> Steps:
    rows = [
        span("a", BOT),
        span("b", AGENT | {"gen_ai.agent.name": "sub"}, "a"),
        span("c", CHAT | USED, "b"),
        span("d", CHAT | USED | {"gen_ai.usage.output_tokens": "7"}, "a"),
    ]
    yield rows
    days = {key.agent_name: day for key, day in stored(database, tenant).items()}
    assert {name: day["total_tokens"] for name, day in days.items()} == {"bot": 107, "sub": 100}
    assert {name: day["total_llm_calls"] for name, day in days.items()} == {"bot": 1, "sub": 1}


@CASES.case
def test_tokens_and_cost_that_nobody_reports_are_unknown(database: Database, tenant: str) -> Steps:
    yield [span("a", BOT), span("b", CHAT | USED, "a")]
    (day,) = stored(database, tenant).values()
    assert (day["input_tokens"], day["cache_read_tokens"], day["total_tokens"]) == (60, 40, 100)
    assert (day["output_tokens"], day["reasoning_tokens"], day["embedding_tokens"]) == (None, None, None)


@CASES.case
def test_a_run_without_calls_has_neither_tokens_nor_cost(database: Database, tenant: str) -> Steps:
    yield [span("a", BOT)]
    (day,) = stored(database, tenant).values()
    assert (day["total_tokens"], day["cost_usd"], day["total_llm_calls"]) == (None, None, 0)


@CASES.case
def test_percentiles_lie_between_two_tasks_in_proportion_within_one_percent(database: Database, tenant: str) -> Steps:
    rows = [span("a", BOT, TraceId=f"t{ms}", Duration=ms * 10**6) for ms in (10, 20, 30, 40)]
    yield rows
    (day,) = stored(database, tenant).values()
    percentiles = [day[f"p{level}_duration_ms"] for level in (50, 95, 99)]
    assert day["avg_duration_ms"] == 25
    assert percentiles == pytest.approx([25, 38.5, 39.7], rel=0.01)


@CASES.case
def test_each_client_engagement_and_service_has_a_row_of_its_own(database: Database, tenant: str) -> Steps:
    whose = [("c1", "e1", "s1", "u1"), ("c1", "e1", "s1", "u2"), ("c1", "e2", "s1", "u1"), ("c2", "e2", "s2", "")]
    rows = [
        span(
            "a",
            BOT | {"spanhouse.client_account.id": client, "spanhouse.engagement.id": engagement, "user.id": user},
            TraceId=f"t{number}",
            ServiceName=service,
        )
        for number, (client, engagement, service, user) in enumerate(whose)
    ]
    yield rows
    days = stored(database, tenant)
    assert {(*key[1:4], day["tasks_attempted"], day["distinct_users"]) for key, day in days.items()} == {
        ("c1", "e1", "s1", 2, 2),
        ("c1", "e2", "s1", 1, 1),
        ("c2", "e2", "s2", 1, 0),
    }


@CASES.case
def test_the_names_that_records_ask_for_are_there(database: Database, tenant: str) -> Steps:
    sure = {"spanhouse.execution.confidence": "0.5"}
    yield [span("a", BOT | sure, Duration=1_500_000_000)]
    found = database.rows(
        "SELECT date, client_account_id, engagement_id, agent_name, tasks_attempted, tasks_completed, tasks_failed, "
        "success_rate, average_duration, average_confidence, total_llm_calls, total_tokens "
        f"FROM spanhouse.agent_performance_daily WHERE tenant_id = '{tenant}'"
    )
    assert [row[3:] for row in found] == [("bot", 1, 1, 0, 100, 1.5, 0.5, 0, None)]


@CASES.case
def test_an_execution_that_becomes_anothers_leaves_no_trace(database: Database, tenant: str) -> Steps:
    """Its agent, its day, its client: each settling that finds them changed takes the old row back."""
    named = [span("a", AGENT | {"gen_ai.agent.name": name}, Duration=NEVER_ENDED) for name in ("one", "two")]
    later = span("a", BOT | {"spanhouse.client_account.id": "c"}, Timestamp=NOON_NS + DAY_NS)
    for row, name in ((named[0], "one"), (named[1], "two"), (later, "bot")):
        yield [row]
        days = stored(database, tenant)
        assert [key.agent_name for key in days] == [name]
    assert [key.client_account_id for key in days] == ["c"]


@CASES.case
def test_a_run_that_comes_late_takes_the_place_of_what_stood_for_it(database: Database, tenant: str) -> Steps:
    yield [span("b", CHAT | USED, "a")]
    assert [key.agent_name for key in stored(database, tenant)] == [""]
    yield [span("a", BOT)]
    days = stored(database, tenant)
    assert {key.agent_name: day["total_tokens"] for key, day in days.items()} == {"bot": 100}


def test_what_has_not_changed_is_not_written_again(database: Database, tenant: str, tmp_path: Path) -> None:
    _counted(database, tenant, tmp_path, [span("a", BOT), span("b", BOT, TraceId="t2", Timestamp=NOON_NS - DAY_NS)])
    entries = f"SELECT sum(abs(Sign)) FROM spanhouse.daily_ledger WHERE TenantId = '{tenant}'"
    before = database.rows(entries)
    # The trace is settled again; nothing that counts has changed.
    _counted(database, tenant, tmp_path, [span("c", {}, "a"), span("a", BOT)])
    assert database.rows(entries) == before == [(4,)], "a run and its spend, each"


@CASES.case
def test_a_clock_that_was_set_back_hides_no_participant(database: Database, tenant: str) -> Steps:
    yield [span("a", BOT | {"user.id": "one"})]
    database.command(
        "INSERT INTO spanhouse.performance_sums (TenantId, Day, AgentName, Participants) "
        f"SELECT TenantId, Day, AgentName, (2000000000000000, 1, 0) FROM spanhouse.performance_sums "
        f"WHERE TenantId = '{tenant}' LIMIT 1"
    )
    yield [span("b", BOT | {"user.id": "two"}, TraceId="t2")]
    (day,) = stored(database, tenant).values()
    assert day["distinct_users"] == 2


def test_entries_that_two_settlers_appended_at_once_are_taken_back_by_the_next_sweep(
    database: Database, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither saw what the other was appending: everything counts twice until then."""
    of_stretch, has_met = ledger.of_stretch, False
    with Settling(database) as one, Settling(database) as other:

        def meet(session: Session) -> pl.DataFrame:
            nonlocal has_met
            stored = of_stretch(session)
            if not has_met:
                has_met = True
                other.settle(30)
            return stored

        insert(database, {tenant: [span("a", BOT), span("b", BOT, TraceId="t2")]}, tmp_path)
        monkeypatch.setattr("spanhouse_schema.derive.ledger.of_stretch", meet)
        one.settle(30)
        (day,) = stored(database, tenant).values()
        assert day["tasks_attempted"] == 4
        other.settle(600)
    assert_counted(database, tenant)


def test_what_an_insert_that_died_left_out_is_added_by_whoever_begins_next(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    with Settling(database) as settling:
        insert(
            database,
            {tenant: [span("a", BOT | {"user.id": "one"}, Duration=10**9), span("b", CHAT | USED, "a")]},
            tmp_path,
        )
        settling.settle(30)
        wanted = counted(database, tenant)
        for table in ("performance_sums", "daily_participants", "model_usage_sums"):
            database.command(f"DELETE FROM spanhouse.{table} WHERE TenantId = '{tenant}'")
        assert stored(database, tenant) == {}
        # As if this process had died: it says nothing of having written everything.
        settle(database, 30)
        assert_same({"": stored(database, tenant)}, {"": wanted})


def test_what_another_process_is_inserting_at_this_moment_is_not_added_twice(
    database: Database, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It arrives while whoever compares gives it a moment; what is still lacking then is added."""
    of_tenant = f"TenantId = '{tenant}'"
    _counted(
        database, tenant, tmp_path, [span("a", BOT | {"user.id": "one"}, Duration=10**9), span("b", CHAT | USED, "a")]
    )
    wanted = stored(database, tenant)
    for table in ("performance_sums", "model_usage_sums"):
        database.command(f"CREATE TABLE IF NOT EXISTS spanhouse.kept_{table} AS spanhouse.{table}")
        database.command(f"INSERT INTO spanhouse.kept_{table} SELECT * FROM spanhouse.{table} WHERE {of_tenant}")
        database.command(f"DELETE FROM spanhouse.{table} WHERE {of_tenant}")
    pauses = count()

    def arrive(_: float) -> None:
        # The first pause is for performance_sums, where nothing arrives.
        if next(pauses) == 1:
            database.command("INSERT INTO spanhouse.model_usage_sums SELECT * FROM spanhouse.kept_model_usage_sums")

    monkeypatch.setattr("spanhouse_schema.derive.daily_sums.time.sleep", arrive)
    with Settling(database) as settling:
        settling.mend_days(of_tenant, 1)
    assert stored(database, tenant) == wanted
    for table in ("performance_sums", "model_usage_sums"):
        database.command(f"DROP TABLE spanhouse.kept_{table}")


def test_a_patient_settling_leaves_participants_for_later_where_counting_takes_most_of_the_time(
    database: Database, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanhouse_schema.derive.participants._SHARE", 10**6)
    with Settling(database) as settling:
        for number in range(3):
            insert(database, {tenant: [span("a", BOT | {"user.id": str(number)}, TraceId=f"t{number}")]}, tmp_path)
            settling.settle(30, patient=True)
            assert settling.owes_participants == (number > 0)
        (day,) = stored(database, tenant).values()
        assert (day["tasks_attempted"], day["distinct_users"]) == (3, 1)
        settling.settle(30)
        assert not settling.owes_participants
    assert_counted(database, tenant)


# Spans of a few traces, which say different things of the same runs whenever they come.
_SPANS = st.builds(
    lambda span_id, trace, kind, name, client, hours, duration, status, parent: span(
        span_id,
        kind | {"gen_ai.agent.name": name, "spanhouse.client_account.id": client},
        parent,
        TraceId=trace,
        Timestamp=NOON_NS + hours * HOUR_NS,
        Duration=duration,
        StatusCode=status,
    ),
    st.sampled_from("abc"),
    st.sampled_from(["t1", "t2", "t3"]),
    st.sampled_from([AGENT, AGENT, CHAT | USED, TOOL]),
    st.sampled_from(["", "bot", "sub"]),
    st.sampled_from(["", "c1", "c2"]),
    st.sampled_from([0, 11, 12, 36]),
    st.sampled_from([10**6, 5 * 10**9, NEVER_ENDED]),
    st.sampled_from(["Unset", "Error"]),
    st.sampled_from(["", "a", "b"]),
)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
# Tenants side by side: a settling costs the same for all of them.
@given(histories=st.lists(histories(_SPANS), min_size=8, max_size=8))
def test_days_follow_whatever_comes_in_any_order_and_however_often(
    database: Database, tmp_path: Path, histories: list[History]
) -> None:
    ones, others = ([f"days-{next(_tenants)}" for _ in histories] for _ in range(2))
    for requests in rounds(ones, (history.requests for history in histories)):
        insert(database, requests, tmp_path)
        settle(database, 30)
        assert_counted(database, *requests)
    for requests in rounds(others, (history.again for history in histories)):
        insert(database, requests, tmp_path)
    settle(database, 30)
    for one, other in zip(ones, others, strict=True):
        assert_same({"": stored(database, other)}, {"": stored(database, one)})


def _counted(database: Database, tenant: str, directory: Path, rows: list[Row]) -> Days:
    """The tenant's days once these spans have come too, as both count them."""
    insert(database, {tenant: rows}, directory)
    settle(database, 30)
    assert_counted(database, tenant)
    return stored(database, tenant)


def _say(database: Database, tenant: str, status: str, at_ns: int) -> list[Row]:
    """Have an event say how a run stands, which takes no span."""
    database.command(
        "INSERT INTO spanhouse.otel_logs (TenantId, Timestamp, TraceId, SpanId, EventName) "
        f"SELECT '{tenant}', fromUnixTimestamp64Nano({at_ns}), 't', 'a', 'spanhouse.execution.{status}'"
    )
    return []
