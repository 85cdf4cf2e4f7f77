"""Events and spans of one run meet in one row: it is there from its first event, and a late one does not reopen it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.derive import settling

RUN, CHILD, CALL = "00000000000000a1", "00000000000000b2", "00000000000000c3"
BEGAN = 1_790_000_000
_tenants = count()


@dataclass(frozen=True)
class Said:
    """An event: how the run `id` stood, `at` seconds after the beginning."""

    status: str
    at: int
    id: str = RUN
    trace: str = "t"
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """A span that ended, `at` seconds after the beginning."""

    name: str
    at: int
    id: str = RUN
    parent: str = ""
    status: str = "Unset"
    attributes: Mapping[str, str] = field(default_factory=dict)


MODEL_CALL = Ended(
    "chat m", 3, CALL, RUN, attributes={"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": "7"}
)
AGENT = Ended("invoke_agent bot", 9, attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "bot"})


@pytest.fixture
def tenant() -> str:
    return f"states-{next(_tenants)}"


def test_a_run_is_there_from_its_first_event(database: Database, tenant: str) -> None:
    (run,) = _settled(database, tenant, Said("running", 1, attributes={"gen_ai.agent.name": "bot", "user.id": "u"}))
    assert run["Kind"], run["Status"] == ("agent", "running")
    assert (run["AgentName"], run["UserId"], run["ModelCalls"], run["EndedAt"]) == ("bot", "u", 0, None)


def test_calls_that_end_before_their_run_belong_to_it(database: Database, tenant: str) -> None:
    (run,) = _settled(database, tenant, Said("running", 1), MODEL_CALL)
    assert (run["ExecutionId"], run["Status"], run["ModelCalls"], run["InputTokens"]) == (RUN, "running", 1, 7)


def test_the_span_ends_the_run_and_a_late_event_does_not_reopen_it(database: Database, tenant: str) -> None:
    _settled(database, tenant, Said("running", 1), AGENT)
    (run,) = _settled(database, tenant, Said("running", 20), Said("heartbeat", 21))
    assert (run["Status"], run["AgentName"]) == ("completed", "bot")


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["queued", "running", "blocked"], "blocked"),
        (["running", "completed", "running"], "completed"),
        (["failed", "running"], "failed"),
        (["failed", "cancelled"], "cancelled"),
        (["Starting"], "queued"),
        (["timeout"], "failed"),
        (["heartbeat"], "running"),
    ],
)
def test_a_final_state_wins_and_otherwise_the_latest(
    database: Database, tenant: str, statuses: list[str], expected: str
) -> None:
    (run,) = _settled(database, tenant, *(Said(status, at) for at, status in enumerate(statuses)))
    assert run["Status"] == expected


def test_what_is_said_of_the_end_wins_over_the_silence_of_the_span(database: Database, tenant: str) -> None:
    (run,) = _settled(database, tenant, Said("cancelled", 5), AGENT)
    assert run["Status"] == "cancelled"


def test_a_span_may_end_in_a_pause_that_an_event_ends(database: Database, tenant: str) -> None:
    paused = Ended("invoke_agent bot", 9, attributes=dict(AGENT.attributes) | {"spanhouse.execution.status": "Paused"})
    (run,) = _settled(database, tenant, paused)
    assert run["Status"] == "paused"
    (run,) = _settled(database, tenant, Said("completed", 20))
    assert run["Status"] == "completed"


def test_a_run_that_nobody_hears_of_is_stalled_and_says_so_only_when_read(database: Database, tenant: str) -> None:
    (run,) = _settled(database, tenant, Said("running", 1))
    assert (run["Status"], run["StatusNow"]) == ("running", "running"), "its time is not over yet"
    (run,) = _settled(
        database, f"{tenant}-old", Said("running", -(2**30), attributes={"spanhouse.execution.expires_in": "5"})
    )
    assert (run["Status"], run["StatusNow"]) == ("running", "stalled")


def test_progress_and_what_a_run_waits_for_are_the_latest(database: Database, tenant: str) -> None:
    waiting = {"spanhouse.execution.waiting_for": "human", "spanhouse.execution.progress": "0.5"}
    (run,) = _settled(database, tenant, Said("running", 1), Said("blocked", 2, attributes=waiting))
    assert (run["Status"], run["WaitingFor"], run["Progress"]) == ("blocked", "human", 0.5)


def test_a_span_of_any_kind_is_a_run_when_events_say_so(database: Database, tenant: str) -> None:
    (run,) = _settled(database, tenant, Said("running", 1), Ended("do it", 9), MODEL_CALL)
    assert (run["Kind"], run["Status"], run["ModelCalls"]) == ("agent", "completed", 1)


def test_a_run_below_one_that_has_only_been_heard_of_is_its_child(database: Database, tenant: str) -> None:
    child = Ended("invoke_agent sub", 5, CHILD, RUN, attributes={"gen_ai.operation.name": "invoke_agent"})
    rows = _settled(database, tenant, Said("running", 1), child)
    assert {row["ExecutionId"]: row["ParentExecutionId"] for row in rows} == {RUN: "", CHILD: RUN}


def test_runs_that_claim_to_be_each_others_parent_are_both_kept_and_nobodys_sum(
    database: Database, tenant: str
) -> None:
    claims = [
        Said("running", 1, id=own, attributes={"spanhouse.execution.parent_id": other})
        for own, other in ((RUN, CHILD), (CHILD, RUN))
    ]
    rows = _settled(database, tenant, *claims, MODEL_CALL)
    assert {row["ExecutionId"]: row["TotalModelCalls"] for row in rows} == {RUN: 1, CHILD: 0}


def test_events_without_a_trace_are_each_runs_own(database: Database, tenant: str) -> None:
    rows = _settled(database, tenant, Said("running", 1, trace=""), Said("failed", 2, id=CHILD, trace=""))
    assert {(row["TraceId"], row["ExecutionId"], row["Status"]) for row in rows} == {
        (RUN, RUN, "running"),
        (CHILD, CHILD, "failed"),
    }


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(
        [
            Said("queued", 0),
            Said("running", 1),
            MODEL_CALL,
            Said("failed", 4),
            Said("running", 6),
            AGENT,
            Said("queued", 0),
        ]
    ),
    cut=st.integers(0, 7),
)
@pytest.mark.slow
def test_the_order_in_which_events_and_spans_come_makes_no_difference(
    database: Database, order: list[Said | Ended], cut: int
) -> None:
    tenant = f"states-{next(_tenants)}"
    _settled(database, tenant, *order[:cut])
    (run,) = _settled(database, tenant, *order[cut:])
    seen = (run["Status"], run["ModelCalls"], run["InputTokens"], run["AgentName"], run["StartedAt"])
    assert seen == ("failed", 1, 7, "bot", BEGAN + 9 - 1)


def _settled(database: Database, tenant: str, *things: Said | Ended) -> Sequence[dict[str, Any]]:
    """The tenant's executions once these have come."""
    for thing in things:
        _insert(database, tenant, thing)
    settling.settle(database, 120)
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


def _insert(database: Database, tenant: str, thing: Said | Ended) -> None:
    parameters: dict[str, object] = {
        "tenant": tenant,
        "id": thing.id,
        "keys": list(thing.attributes),
        "texts": list(thing.attributes.values()),
    }
    attributes = "mapFromArrays({keys:Array(String)}, {texts:Array(String)})"
    if isinstance(thing, Said):
        # Said lately, so that it has not expired.
        at = f"now64(9) + toIntervalSecond({thing.at})"
        database.command(
            "INSERT INTO spanhouse.otel_logs (TenantId, Timestamp, TraceId, SpanId, EventName, LogAttributes) "
            f"SELECT {{tenant:String}}, {at}, {{trace:String}}, {{id:String}}, {{event:String}}, "
            f"{attributes}",
            parameters=parameters | {"trace": thing.trace, "event": f"spanhouse.execution.{thing.status}"},
        )
    else:
        database.command(
            "INSERT INTO spanhouse.otel_traces "
            "(TenantId, Timestamp, Duration, TraceId, SpanId, ParentSpanId, SpanName, StatusCode, SpanAttributes) "
            f"SELECT {{tenant:String}}, toDateTime64({BEGAN + thing.at - 1}, 9), 1000000000, 't', {{id:String}}, "
            f"{{parent:String}}, {{name:String}}, {{status:String}}, {attributes}",
            parameters=parameters | {"parent": thing.parent, "name": thing.name, "status": thing.status},
        )
