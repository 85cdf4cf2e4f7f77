"""Events and spans of one run meet in one row: it is there from its first event, and a late one does not reopen it."""

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from tests.schema.records import BEGAN_S, CALL, RUN, Ended, Event, Thing, send_in_turn
from tests.schema.records import OTHER_RUN as CHILD
from tests.support.in_rounds import Cases, Outcomes

# When events are said, in seconds after the spans began: lately, so that they have not expired.
LATELY_S = int(time.time()) - BEGAN_S
BOT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "bot"}
AGENT = Ended("invoke_agent bot", 8, 9, BOT)
MODEL_CALL = Ended(
    "chat m", 2, 3, {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}, id=CALL, parent=RUN
)
Steps = Generator[Sequence[Thing]]
CASES = Cases[Sequence[Thing], None]("states")
_tenants = count()


@pytest.fixture(scope="module")
def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return CASES.play(database, partial(send_in_turn, database, directory=tmp_path_factory.mktemp("states")))


def said(status: str, at: int, attributes: Mapping[str, object] | None = None, *, id: str = RUN) -> Event:  # noqa: A002
    """An event: how the run `id` stood, `at` seconds after the first ones."""
    return Event(f"spanhouse.execution.{status}", LATELY_S + at, attributes or {}, id)


@CASES.case
def test_a_run_is_there_from_its_first_event(database: Database, tenant: str) -> Steps:
    yield [said("running", 1, {"gen_ai.agent.name": "bot", "user.id": "u"})]
    (run,) = _rows(database, tenant)
    assert (run["Kind"], run["Status"]) == ("agent", "running")
    assert (run["AgentName"], run["UserId"], run["ModelCalls"], run["EndedAt"]) == ("bot", "u", 0, None)


@CASES.case
def test_calls_that_end_before_their_run_belong_to_it(database: Database, tenant: str) -> Steps:
    yield [said("running", 1), MODEL_CALL]
    (run,) = _rows(database, tenant)
    assert (run["ExecutionId"], run["Status"], run["ModelCalls"], run["InputTokens"]) == (RUN, "running", 1, 7)


@CASES.case
def test_the_span_ends_the_run_and_a_late_event_does_not_reopen_it(database: Database, tenant: str) -> Steps:
    yield [said("running", 1), AGENT]
    yield [said("running", 20), said("heartbeat", 21)]
    (run,) = _rows(database, tenant)
    assert (run["Status"], run["AgentName"]) == ("completed", "bot")


_STATES = (
    (["queued", "running", "blocked"], "blocked"),
    (["running", "completed", "running"], "completed"),
    (["failed", "running"], "failed"),
    (["failed", "cancelled"], "cancelled"),
    (["Starting"], "queued"),
    (["timeout"], "failed"),
    (["heartbeat"], "running"),
)


@CASES.each({" ".join(statuses): [statuses, expected] for statuses, expected in _STATES})
def test_a_final_state_wins_and_otherwise_the_latest(
    database: Database, tenant: str, statuses: list[str], expected: str
) -> Steps:
    yield [said(status, at) for at, status in enumerate(statuses)]
    (run,) = _rows(database, tenant)
    assert run["Status"] == expected


@CASES.case
def test_what_is_said_of_the_end_wins_over_the_silence_of_the_span(database: Database, tenant: str) -> Steps:
    yield [said("cancelled", 5), AGENT]
    (run,) = _rows(database, tenant)
    assert run["Status"] == "cancelled"


@CASES.case
def test_a_span_may_end_in_a_pause_that_an_event_ends(database: Database, tenant: str) -> Steps:
    yield [replace(AGENT, said=BOT | {"spanhouse.execution.status": "Paused"})]
    (run,) = _rows(database, tenant)
    assert run["Status"] == "paused"
    yield [said("completed", 20)]
    (run,) = _rows(database, tenant)
    assert run["Status"] == "completed"


@CASES.case
def test_a_run_that_nobody_hears_of_is_stalled_and_says_so_only_when_read(database: Database, tenant: str) -> Steps:
    now = int(time.time()) - BEGAN_S - LATELY_S
    old = said("running", -(2**30), {"spanhouse.execution.expires_in": "5"}, id=CHILD)
    yield [said("running", now), replace(old, trace="")]
    found = {run["ExecutionId"]: (run["Status"], run["StatusNow"]) for run in _rows(database, tenant)}
    assert found == {RUN: ("running", "running"), CHILD: ("running", "stalled")}


@CASES.case
def test_progress_and_what_a_run_waits_for_are_the_latest(database: Database, tenant: str) -> Steps:
    waiting = {"spanhouse.execution.waiting_for": "human", "spanhouse.execution.progress": "0.5"}
    yield [said("running", 1), said("blocked", 2, waiting)]
    (run,) = _rows(database, tenant)
    assert (run["Status"], run["WaitingFor"], run["Progress"]) == ("blocked", "human", 0.5)


@CASES.case
def test_a_span_of_any_kind_is_a_run_when_events_say_so(database: Database, tenant: str) -> Steps:
    yield [said("running", 1), Ended("do it", 8, 9), MODEL_CALL]
    (run,) = _rows(database, tenant)
    assert (run["Kind"], run["Status"], run["ModelCalls"]) == ("agent", "completed", 1)


@CASES.case
def test_a_run_below_one_that_has_only_been_heard_of_is_its_child(database: Database, tenant: str) -> Steps:
    child = Ended("invoke_agent sub", 4, 5, {"gen_ai.operation.name": "invoke_agent"}, id=CHILD, parent=RUN)
    yield [said("running", 1), child]
    rows = _rows(database, tenant)
    assert {row["ExecutionId"]: row["ParentExecutionId"] for row in rows} == {RUN: "", CHILD: RUN}


@CASES.case
def test_runs_that_claim_to_be_each_others_parent_are_both_kept_and_nobodys_sum(
    database: Database, tenant: str
) -> Steps:
    claims = [
        said("running", 1, {"spanhouse.execution.parent_id": other}, id=own)
        for own, other in ((RUN, CHILD), (CHILD, RUN))
    ]
    yield [*claims, MODEL_CALL]
    rows = _rows(database, tenant)
    assert {row["ExecutionId"]: row["TotalModelCalls"] for row in rows} == {RUN: 1, CHILD: 0}


@CASES.case
def test_events_without_a_trace_are_each_runs_own(database: Database, tenant: str) -> Steps:
    yield [replace(event, trace="") for event in (said("running", 1), said("failed", 2, id=CHILD))]
    rows = _rows(database, tenant)
    assert {(row["TraceId"], row["ExecutionId"], row["Status"]) for row in rows} == {
        (RUN, RUN, "running"),
        (CHILD, CHILD, "failed"),
    }


@settings(max_examples=2, suppress_health_check=list(HealthCheck))
# Tenants side by side: a settling costs the same for all of them.
@given(
    comings=st.lists(
        st.tuples(
            st.permutations(
                [
                    said("queued", 0),
                    said("running", 1),
                    MODEL_CALL,
                    said("failed", 4),
                    said("running", 6),
                    AGENT,
                    said("queued", 0),
                ]
            ),
            st.integers(0, 7),
        ),
        min_size=8,
        max_size=8,
    )
)
@pytest.mark.slow
def test_the_order_in_which_events_and_spans_come_makes_no_difference(
    database: Database, tmp_path: Path, comings: list[tuple[list[Thing], int]]
) -> None:
    tenants = [f"states-{next(_tenants)}" for _ in comings]
    for part in ([order[:cut] for order, cut in comings], [order[cut:] for order, cut in comings]):
        send_in_turn(database, dict(zip(tenants, part, strict=True)), tmp_path)
    for tenant in tenants:
        (run,) = _rows(database, tenant)
        seen = (run["Status"], run["ModelCalls"], run["InputTokens"], run["AgentName"], run["StartedAt"])
        assert seen == ("failed", 1, 7, "bot", BEGAN_S + 9 - 1)


def _rows(database: Database, tenant: str) -> Sequence[dict[str, Any]]:
    """The tenant's executions."""
    columns = (
        "TraceId, ExecutionId, ParentExecutionId, Kind, Status, StatusNow, WaitingFor, Progress, AgentName, UserId, "
        "toUnixTimestamp(StartedAt) AS StartedAt, EndedAt, ModelCalls, TotalModelCalls, InputTokens"
    )
    rows = database.rows(
        f"SELECT {columns} FROM spanhouse.agent_executions FINAL WHERE TenantId = {{tenant:String}} ORDER BY ALL",
        parameters={"tenant": tenant},
    )
    names = [column.rpartition(" ")[2] for column in columns.split(", ")]
    return [dict(zip(names, row, strict=True)) for row in rows]
