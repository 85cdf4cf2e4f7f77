"""Records are what was said last, in whatever order and however often it came; what cannot be read is unknown."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from tests.schema.records import AGENT, CALL, OTHER_RUN, RUN, TRACE, Ended, Event, at, new_tenant, query, read, send
from tests.schema.test_records import CYCLE, PATTERNS, SESSION, TASK, TASKS, TRIGGER

Thing = Event | Ended
OTHER_TRACE = "1af7651916cd43dd8448eb211c80319c"
VIEWS = (
    *("agent_sessions", "agent_metrics", "agent_triggers", "agent_actions", "agent_task_history"),
    *("agent_discovered_patterns", "agent_execution_history", "agent_outputs", "triage_files", "triage_domain_scores"),
    *("triage_entities", "triage_groupings"),
)
TRIAGE = {
    "files": [
        {
            "file_id": "f-1",
            "file_name": "a.pdf",
            "domain_scores": [
                {"domain": "legal", "score": 0.75, "reasoning": "a contract"},
                {"domain": "finance", "score": 0.25, "reasoning": "a price"},
            ],
            "entities": [{"type": "person", "value": "Ann", "confidence": 0.9, "location": "page 1"}],
            "summary": {"short": "a contract", "detailed": "a contract of Ann's", "key_points": ["signed"]},
            "complexity": {"level": "high", "score": 8, "reasons": ["long"], "recommended_strategy": "split"},
        },
        {"file_id": "f-2", "domain_scores": [{"domain": "legal", "score": 0.25}]},
    ],
    "groupings": [{"name": "contracts", "file_ids": ["f-1", "f-2"], "reason": "one deal"}],
}


@pytest.fixture
def tenant() -> str:
    return new_tenant()


def output(text: str, *, schema: str = "TriageOutput", until: float = 5, id: str = RUN) -> Ended:  # noqa: A002
    """A run whose output is this text."""
    said = {**AGENT, "spanhouse.output.schema": schema, "spanhouse.output.schema_version": "2", "output.value": text}
    return Ended("invoke_agent triage", 0, until, said, id=id)


def phase(word: str, seconds: float, **more: object) -> Event:
    """An event by which a session enters a phase."""
    said = {f"spanhouse.session.{name}": value for name, value in more.items()}
    return Event("spanhouse.session.phase", seconds, {**SESSION, "spanhouse.session.phase": word, **said})


def everything(database: Database, tenant: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all views, but for when they were settled."""
    return {
        view: [
            {name: value for name, value in row.items() if (view, name) != ("agent_execution_history", "updated_at")}
            for row in read(database, view, tenant)
        ]
        for view in VIEWS
    }


@pytest.fixture(scope="module")
def in_order(database: Database, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What the views show once everything has come, in order and once."""
    tenant = new_tenant()
    send(database, tenant, ALL, tmp_path_factory.mktemp("records"))
    found = everything(database, tenant)
    assert all(found.values()), "every view has a row"
    return found


ALL: Sequence[Thing] = (*CYCLE, TRIGGER, *TASKS, *PATTERNS, output(json.dumps(TRIAGE), id="00000000000000d4"))


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([*ALL, *ALL[::3]]), cut=st.integers(0, len(ALL)))
def test_neither_order_nor_repeats_nor_when_it_is_settled_change_a_row(
    database: Database,
    in_order: dict[str, list[dict[str, Any]]],
    tmp_path: Path,
    order: list[Thing],
    cut: int,
) -> None:
    tenant = new_tenant()
    send(database, tenant, order[:cut], tmp_path)
    send(database, tenant, order[cut:], tmp_path)
    assert everything(database, tenant) == in_order


def test_the_session_that_is_at_work_is_the_one_whose_phase_is_not_idle(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    other = Event("spanhouse.session.phase", 50, {"session.id": "next", "spanhouse.session.phase": "designing"})
    chat = Ended("invoke_agent chat", 60, 61, {**AGENT, "session.id": "chat"}, id=OTHER_RUN, trace=OTHER_TRACE)
    send(database, tenant, [*CYCLE, other, chat], tmp_path)
    (row,) = query(
        database, f"SELECT id, phase FROM spanhouse.agent_sessions WHERE tenant_id = '{tenant}' AND phase != 'idle'"
    )
    assert row == {"id": "next", "phase": "designing"}
    sessions = {row["id"]: (row["phase"], row["completed_at"]) for row in read(database, "agent_sessions", tenant)}
    assert sessions == {"cycle-1": ("idle", at(30)), "next": ("designing", None), "chat": (None, None)}


def test_of_each_thing_that_is_said_of_a_session_the_latest_counts(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    said = [phase("training", 2, strategy_name="b"), phase("designing", 1, strategy_name="a", failure_reason="none")]
    send(database, tenant, said, tmp_path)
    (session,) = read(database, "agent_sessions", tenant)
    told = (session["phase"], session["strategy_name"], session["failure_reason"])
    assert told == ("training", "b", "none")


def test_a_completed_session_is_not_reopened_by_what_is_said_later(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    done = Event("spanhouse.session.completed", 3, {**SESSION, "spanhouse.session.phase": "archived"})
    send(database, tenant, [phase("training", 1), done, phase("training", 9, failure_reason="late")], tmp_path)
    (session,) = read(database, "agent_sessions", tenant)
    told = (session["phase"], session["completed_at"], session["failure_reason"], session["updated_at"])
    assert told == ("archived", at(3), "late", at(9))


def test_a_span_says_of_its_session_what_an_event_does_and_completes_it_by_its_outcome(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    said = {"spanhouse.session.strategy_name": "momentum", "spanhouse.session.outcome": "success"}
    run = Ended("invoke_agent quant", 1, 7, {**AGENT, **SESSION, **said, "spanhouse.session.metric.epochs": 3})
    send(database, tenant, [run], tmp_path)
    (metrics,) = read(database, "agent_metrics", tenant)
    told = (metrics["strategy_name"], metrics["outcome"], metrics["epochs"], metrics["duration_seconds"])
    assert told == ("momentum", "success", 3, 6)


def test_what_is_said_within_a_run_belongs_to_the_runs_session_client_and_flow(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    flow = {"spanhouse.flow.id": "flow-1", "spanhouse.client_account.id": "client-1"}
    run = Ended("invoke_agent quant", 0, 9, {**AGENT, **SESSION, **flow})
    said = [
        Event("spanhouse.session.phase", 1, {"spanhouse.session.phase": "training"}),
        Event("spanhouse.task.running", 2, {"spanhouse.task.id": "t"}),
        Event("spanhouse.trigger", 3),
    ]
    send(database, tenant, [*said, run], tmp_path)
    (session,), (trigger,) = read(database, "agent_sessions", tenant), read(database, "agent_triggers", tenant)
    assert (session["id"], session["phase"], trigger["session_id"]) == ("cycle-1", "training", "cycle-1")
    (task,) = read(database, "agent_task_history", tenant)
    told = (task["agent_name"], task["flow_id"], task["client_account_id"], task["session_id"])
    assert told == ("quant", "flow-1", "client-1", "cycle-1")


def test_the_cost_of_a_session_is_that_of_all_its_runs(database: Database, tenant: str, tmp_path: Path) -> None:
    def call(id: str, trace: str, cost: float) -> Ended:  # noqa: A002
        said = {"gen_ai.operation.name": "chat", "spanhouse.cost_usd": cost, "gen_ai.usage.input_tokens": 10}
        return Ended("chat m", 1, 2, {**said, **SESSION}, id=id, trace=trace)

    done = Event("spanhouse.session.completed", 9, {**SESSION, "spanhouse.session.outcome": "success"})
    send(database, tenant, [call(CALL, TRACE, 0.25), call(RUN, OTHER_TRACE, 0.5), done], tmp_path)
    (metrics,) = read(database, "agent_metrics", tenant)
    assert (metrics["estimated_cost_usd"], metrics["total_tokens_in"]) == (0.75, 20)
    assert metrics["total_tokens_out"] is None, "nobody said how many, which is not none"


@pytest.mark.parametrize(
    "text", ["", "NaN", "Infinity", "-Infinity", "1e999", "many", "[1]", "{}", "\0", "٣", "9" * 400]
)
def test_what_is_no_number_is_unknown(database: Database, tenant: str, tmp_path: Path, text: str) -> None:
    numbers = ("training_accuracy", "final_loss", "epochs", "early_stopped", "backtest_sharpe", "trades")
    done = {**SESSION, **{f"spanhouse.session.metric.{name}": text for name in numbers}}
    task = {
        **TASK,
        **{f"spanhouse.task.{name}": text for name in ("llm_calls_count", "token_usage", "thinking_phases_count")},
        "spanhouse.task.confidence": text,
        "spanhouse.memory_mb": text,
        "spanhouse.task.success": text,
        "spanhouse.task.duration_seconds": text,
        "spanhouse.execution.confidence": text,
    }
    judged = {"spanhouse.feedback.pattern_id": "p", "spanhouse.feedback.score": text}
    amounts = {f"spanhouse.trigger.budget_{name}_usd": text for name in ("used", "remaining")}
    said = [
        Event("spanhouse.session.completed", 1, {**done, "spanhouse.session.assessment": text}),
        Event("spanhouse.task.running", 1, task),
        Event("spanhouse.pattern", 1, {"spanhouse.pattern.id": "p", "spanhouse.pattern.confidence": text}),
        Event("spanhouse.feedback", 2, judged),
        Event("spanhouse.trigger", 3, {**amounts, "spanhouse.trigger.invoked": text}),
    ]
    send(database, tenant, said, tmp_path)
    (metrics,), (session,) = read(database, "agent_metrics", tenant), read(database, "agent_sessions", tenant)
    assert [metrics[name] for name in numbers] == [None] * len(numbers)
    assert session["assessment_passed"] is None
    (row,) = read(database, "agent_task_history", tenant)
    unknown = ("llm_calls_count", "token_usage", "thinking_phases_count", "confidence_score", "memory_usage_mb")
    assert [row[name] for name in (*unknown, "success", "duration_seconds")] == [None] * 7
    (pattern,) = read(database, "agent_discovered_patterns", tenant)
    assert (pattern["confidence_score"], pattern["effectiveness_score"]) == (None, None)
    (trigger,) = read(database, "agent_triggers", tenant)
    assert [trigger[name] for name in ("budget_used_usd", "budget_remaining_usd", "agent_invoked")] == [None] * 3


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        (["pending"], ("pending", None)),
        (["pending", "starting"], ("starting", None)),
        (["running", "thinking"], ("thinking", None)),
        (["running", "waiting_for_llm"], ("waiting_for_llm", None)),
        (["running", "Completed", "thinking"], ("completed", True)),
        (["success"], ("completed", True)),
        (["failed", "running"], ("failed", False)),
        (["timeout"], ("timeout", False)),
        (["error"], ("failed", False)),
        (["failed", "completed"], ("completed", True)),
        (["melting"], (None, None)),
    ],
)
def test_a_task_stands_as_was_said_last_and_a_final_word_stays(
    database: Database, tenant: str, tmp_path: Path, said: list[str], stands: tuple[str | None, bool | None]
) -> None:
    send(database, tenant, [Event(f"spanhouse.task.{word}", when, TASK) for when, word in enumerate(said)], tmp_path)
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["status"], task["success"]) == stands


def test_a_span_with_a_tasks_name_is_its_work_and_one_with_its_id_alone_is_not(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    call = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 70, "gen_ai.usage.output_tokens": 5}
    said = {**AGENT, "spanhouse.task.id": "t", "spanhouse.task.name": "survey", "spanhouse.task.result": "12 servers"}
    work = Ended("invoke_agent quant", 1, 8, said)
    send(database, tenant, [Ended("chat m", 2, 3, {**call, "spanhouse.task.id": "t"}, id=CALL, parent=RUN)], tmp_path)
    assert read(database, "agent_task_history", tenant) == []
    send(database, tenant, [work], tmp_path)
    (task,) = read(database, "agent_task_history", tenant)
    told = ("status", "success", "started_at", "completed_at", "duration_seconds", "result_preview")
    assert [task[name] for name in told] == ["completed", True, at(1), at(8), 7, "12 servers"]
    assert (task["llm_calls_count"], task["token_usage"]) == (1, 75), "as its run did nothing else"


def test_a_failed_span_fails_its_task_unless_something_else_was_said(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    work = Ended("survey", 1, 8, {"spanhouse.task.id": "t", "spanhouse.task.name": "survey"}, error="no route")
    send(database, tenant, [work], tmp_path)
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["status"], task["error_message"]) == ("failed", "no route")
    send(database, tenant, [Event("spanhouse.task.timeout", 7, {"spanhouse.task.id": "t"})], tmp_path)
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["status"], task["completed_at"]) == ("timeout", at(7))


def test_a_task_that_ended_before_it_began_has_no_duration(database: Database, tenant: str, tmp_path: Path) -> None:
    said = [Event("spanhouse.task.completed", 1, TASK), Event("spanhouse.task.running", 5, TASK)]
    send(database, tenant, said, tmp_path)
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["status"], task["started_at"], task["duration_seconds"]) == ("completed", None, None)


def test_a_task_id_may_be_used_again_in_another_flow(database: Database, tenant: str, tmp_path: Path) -> None:
    other = {**TASK, "spanhouse.flow.id": "flow-2"}
    said = [Event("spanhouse.task.completed", 1, TASK), Event("spanhouse.task.running", 2, other)]
    send(database, tenant, said, tmp_path)
    tasks = {row["flow_id"]: row["status"] for row in read(database, "agent_task_history", tenant)}
    assert tasks == {"flow-1": "completed", "flow-2": "running"}


def test_what_does_not_name_the_flow_of_a_task_is_of_the_only_one_that_has_it(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    said = [
        Event("spanhouse.task.running", 1, TASK),
        Event("spanhouse.task.completed", 2, {"spanhouse.task.id": "task-1"}),
    ]
    send(database, tenant, said, tmp_path)
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["flow_id"], task["status"]) == ("flow-1", "completed")


def test_a_run_that_worked_at_two_tasks_does_not_say_which_of_them_used_what(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    said = [Event("spanhouse.task.completed", 1, {"spanhouse.task.id": each}) for each in "ab"]
    send(database, tenant, [*said, *CYCLE[4:5], Ended("invoke_agent quant", 0, 9, AGENT)], tmp_path)
    tasks = read(database, "agent_task_history", tenant)
    assert [(task["llm_calls_count"], task["token_usage"]) for task in tasks] == [(None, None)] * 2


def test_a_triage_is_rows(database: Database, tenant: str, tmp_path: Path) -> None:
    text = json.dumps(TRIAGE)
    send(database, tenant, [output(text)], tmp_path)
    (found,) = read(database, "agent_outputs", tenant)
    told = ("execution_id", "schema", "schema_version", "output", "is_json", "agent_name", "created_at")
    assert [found[name] for name in told] == [RUN, "TriageOutput", "2", text, True, "quant", at(5)]
    first, second = read(database, "triage_files", tenant, "file_id")
    assert {name: first[name] for name in first if name.startswith(("file_id", "file_name", "summary", "key"))} == {
        "file_id": "f-1",
        "file_name": "a.pdf",
        "summary_short": "a contract",
        "summary_detailed": "a contract of Ann's",
        "key_points": ["signed"],
    }
    complexity = ("complexity_level", "complexity_score", "complexity_reasons", "recommended_strategy")
    assert [first[name] for name in complexity] == ["high", 8, ["long"], "split"]
    assert [second[name] for name in complexity] == [None, None, [], None]
    (entity,) = read(database, "triage_entities", tenant)
    of_entity = ("file_id", "type", "value", "confidence", "location")
    assert [entity[name] for name in of_entity] == ["f-1", "person", "Ann", 0.9, "page 1"]
    (group,) = read(database, "triage_groupings", tenant)
    assert [group[name] for name in ("name", "file_ids", "reason")] == ["contracts", ["f-1", "f-2"], "one deal"]
    scores = query(
        database,
        "SELECT domain, avg(score) AS score, any(reasoning) AS why FROM spanhouse.triage_domain_scores "
        f"WHERE tenant_id = '{tenant}' GROUP BY domain ORDER BY domain",
    )
    assert scores == [
        {"domain": "finance", "score": 0.25, "why": "a price"},
        {"domain": "legal", "score": 0.5, "why": "a contract"},
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"spanhouse.output.json": '{"files":[{"file_id":"f"}]}', "output.value": "its text"},
        {"output.value": '{"files":[{"file_id":"f"}]}'},
        {"final_result": '{"files":[{"file_id":"f"}]}'},
        {
            "gen_ai.output.messages": json.dumps(
                [{"role": "assistant", "parts": [{"type": "text", "content": '{"files":[{"file_id":"f"}]}'}]}]
            )
        },
    ],
)
def test_an_output_is_found_where_the_conventions_put_it(
    database: Database, tenant: str, tmp_path: Path, said: dict[str, object]
) -> None:
    schema = {"spanhouse.output.schema": "triage.models.TriageOutput"}
    send(database, tenant, [Ended("invoke_agent triage", 0, 1, {**AGENT, **schema, **said})], tmp_path)
    (file,) = read(database, "triage_files", tenant)
    assert file["file_id"] == "f"


def test_an_event_may_carry_the_output_and_the_span_that_says_it_again_adds_nothing(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    said = {"spanhouse.output.schema": "TriageOutput"}
    event = Event("spanhouse.execution.completed", 4, said, body='{"files":[{"file_id":"f"}]}')
    send(database, tenant, [event, event, output('{"files":[{"file_id":"f"}]}')], tmp_path)
    assert len(read(database, "agent_outputs", tenant)) == len(read(database, "triage_files", tenant)) == 1


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{",
            "[]",
            "null",
            "7",
            '"files"',
            '{"files":{}}',
            '{"files":[1,null,[],"x"]}',
            '{"files":[{"file_id":7}]}',
        ),
        '{"files":[{"domain_scores":{},"entities":7,"summary":[],"complexity":null}],"groupings":[{}]}',
        '{"files":[{"domain_scores":[7,{}],"entities":[null,{"confidence":"much"}]}],"groupings":7}',
        '{"files":[{"domain_scores":[{"domain":"a","score":1.5},{"domain":"b","score":-1},{"domain":"c","score":"1e999"}]}]}',
        "[" * 5000,
    ],
)
def test_malformed_output_breaks_no_view_and_its_text_is_kept(
    database: Database, tenant: str, tmp_path: Path, text: str
) -> None:
    send(database, tenant, [output(text), output(json.dumps(TRIAGE), id=OTHER_RUN)], tmp_path)
    found = {row["execution_id"]: row["output"] for row in read(database, "agent_outputs", tenant)}
    assert found[RUN] == text
    assert all(0 <= row["score"] <= 1 for row in read(database, "triage_domain_scores", tenant) if row["score"])
    assert len(read(database, "triage_entities", tenant)) >= 1
    assert len(read(database, "triage_groupings", tenant)) >= 1


def test_a_judgement_of_a_pattern_that_nobody_has_observed_waits_for_it(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    send(database, tenant, PATTERNS[4:], tmp_path)
    assert read(database, "agent_discovered_patterns", tenant) == []
    send(database, tenant, PATTERNS[:1], tmp_path)
    (pattern,) = read(database, "agent_discovered_patterns", tenant)
    assert (pattern["effectiveness_score"], pattern["last_used_at"]) == (0.75, None)


def test_observations_without_evidence_are_evidence_and_one_that_comes_again_is_not(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    seen = [Event("spanhouse.pattern", at_, {"spanhouse.pattern.id": "p"}) for at_ in range(3)]
    named = Event("spanhouse.pattern", 9, {"spanhouse.pattern.id": "p", "spanhouse.event.id": "once"})
    again = Event("spanhouse.pattern", 10, {"spanhouse.pattern.id": "p", "spanhouse.event.id": "once"})
    send(database, tenant, [*seen, *seen, named, again], tmp_path)
    (pattern,) = read(database, "agent_discovered_patterns", tenant)
    assert (pattern["evidence_count"], pattern["evidence_items"]) == (4, [])
    assert (pattern["user_feedback_given"], pattern["effectiveness_score"]) == (False, None)


def test_a_run_is_in_the_audit_trail_before_it_ends_with_what_it_was_asked(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    asked = {"gen_ai.input.messages": '[{"role":"user"}]', "gen_ai.agent.name": "quant"}
    send(database, tenant, [Event("spanhouse.execution.pending", 1, asked)], tmp_path)
    (run,) = read(database, "agent_execution_history", tenant)
    told = (run["status"], run["input_data"], run["output_data"], run["created_at"], run["completed_at"])
    assert told == ("pending", '[{"role":"user"}]', None, at(1), None)


def test_a_run_that_two_spans_tell_of_has_the_input_of_either(database: Database, tenant: str, tmp_path: Path) -> None:
    outer = Ended("invoke_agent quant", 0, 9, AGENT)
    inner = Ended("invoke_agent quant", 1, 8, {**AGENT, "gen_ai.input.messages": "asked"}, id=OTHER_RUN, parent=RUN)
    send(database, tenant, [outer, inner, *CYCLE[4:5]], tmp_path)
    inputs = {row["input_data"] for row in read(database, "agent_execution_history", tenant)}
    assert "asked" in inputs


def test_what_has_no_word_of_a_record_reaches_no_table_of_records(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    said = {**AGENT, **SESSION, "spanhouse.sessions.x": "1", "xspanhouse.task.name": "y", "spanhouse.case.id": "c"}
    send(database, tenant, [Ended("invoke_agent quant", 0, 9, said), Event("spanhouse.execution.running", 1)], tmp_path)
    assert query(database, f"SELECT * FROM spanhouse.record_statements WHERE TenantId = '{tenant}'") == []
