"""Records are what was said last, in whatever order and however often it came; what cannot be read is unknown."""

import json
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.schema.records import (
    AGENT,
    CALL,
    OTHER_RUN,
    RUN,
    TRACE,
    Ended,
    Event,
    Thing,
    at,
    new_tenant,
    query,
    read,
    send,
    send_in_turn,
    send_together,
)
from tests.schema.test_records import CYCLE, PATTERNS, SESSION, TASK, TASKS, TRIGGER
from tests.support.in_rounds import Cases, Outcomes

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


Steps = Generator[Sequence[Thing]]
CASES = Cases[Sequence[Thing], None]("laws")


@pytest.fixture(scope="module")
def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return CASES.play(database, partial(send_in_turn, database, directory=tmp_path_factory.mktemp("laws")))


def output(text: str, *, schema: str = "TriageOutput", until: float = 5, id: str = RUN) -> Ended:  # noqa: A002
    """A run whose output is this text."""
    said = {**AGENT, "spanhouse.output.schema": schema, "spanhouse.output.schema_version": "2", "output.value": text}
    return Ended("invoke_agent triage", 0, until, said, id=id)


def phase(word: str, seconds: float, **more: object) -> Event:
    """An event by which a session enters a phase."""
    said = {f"spanhouse.session.{name}": value for name, value in more.items()}
    return Event("spanhouse.session.phase", seconds, {**SESSION, "spanhouse.session.phase": word, **said})


Views = dict[str, list[dict[str, Any]]]


def everything(database: Database, tenants: Sequence[str]) -> dict[str, Views]:
    """All rows of all views by tenant, but for when they were settled."""
    found: dict[str, Views] = {tenant: {view: [] for view in VIEWS} for tenant in tenants}
    among = ", ".join(f"'{tenant}'" for tenant in tenants)
    for view in VIEWS:
        for row in query(database, f"SELECT * FROM spanhouse.{view} WHERE tenant_id IN ({among}) ORDER BY ALL"):
            if view == "agent_execution_history":
                del row["updated_at"]
            found[row.pop("tenant_id")][view].append(row)
    return found


@pytest.fixture(scope="module")
def in_order(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Views:
    """What the views show once everything has come, in order and once."""
    tenant = new_tenant()
    send(database, tenant, ALL, tmp_path_factory.mktemp("records"))
    found = everything(database, [tenant])[tenant]
    assert all(found.values()), "every view has a row"
    return found


ALL: Sequence[Thing] = (*CYCLE, TRIGGER, *TASKS, *PATTERNS, output(json.dumps(TRIAGE), id="00000000000000d4"))


def _comings() -> st.SearchStrategy[list[Sequence[Thing]]]:
    """Everything in some order, a third of it twice, in four parts."""
    order = st.permutations([*ALL, *ALL[::3]])
    cuts = st.lists(st.integers(0, len(ALL)), min_size=3, max_size=3).map(sorted)
    return st.tuples(order, cuts).map(
        lambda drawn: [drawn[0][begin:end] for begin, end in zip([0, *drawn[1]], [*drawn[1], None], strict=True)]
    )


@pytest.mark.slow
@settings(max_examples=2, suppress_health_check=list(HealthCheck))
# Tenants side by side: a settling costs the same for all of them.
@given(comings=st.lists(_comings(), min_size=4, max_size=4))
def test_neither_order_nor_repeats_nor_when_it_is_settled_change_a_row(
    database: Database, in_order: Views, tmp_path: Path, comings: list[list[Sequence[Thing]]]
) -> None:
    tenants = [new_tenant() for _ in comings]
    for part, things in enumerate(zip(*comings, strict=True)):
        send_together(database, dict(zip(tenants, things, strict=True)), tmp_path)
        if part % 2:
            settle(database, 120)
    assert everything(database, tenants) == dict.fromkeys(tenants, in_order)


@CASES.case
def test_the_session_that_is_at_work_is_the_one_whose_phase_is_not_idle(database: Database, tenant: str) -> Steps:
    other = Event("spanhouse.session.phase", 50, {"session.id": "next", "spanhouse.session.phase": "designing"})
    chat = Ended("invoke_agent chat", 60, 61, {**AGENT, "session.id": "chat"}, id=OTHER_RUN, trace=OTHER_TRACE)
    yield [*CYCLE, other, chat]
    (row,) = query(
        database, f"SELECT id, phase FROM spanhouse.agent_sessions WHERE tenant_id = '{tenant}' AND phase != 'idle'"
    )
    assert row == {"id": "next", "phase": "designing"}
    sessions = {row["id"]: (row["phase"], row["completed_at"]) for row in read(database, "agent_sessions", tenant)}
    assert sessions == {"cycle-1": ("idle", at(30)), "next": ("designing", None), "chat": (None, None)}


@CASES.case
def test_of_each_thing_that_is_said_of_a_session_the_latest_counts(database: Database, tenant: str) -> Steps:
    said = [phase("training", 2, strategy_name="b"), phase("designing", 1, strategy_name="a", failure_reason="none")]
    yield said
    (session,) = read(database, "agent_sessions", tenant)
    told = (session["phase"], session["strategy_name"], session["failure_reason"])
    assert told == ("training", "b", "none")


@CASES.case
def test_a_completed_session_is_not_reopened_by_what_is_said_later(database: Database, tenant: str) -> Steps:
    done = Event("spanhouse.session.completed", 3, {**SESSION, "spanhouse.session.phase": "archived"})
    yield [phase("training", 1), done, phase("training", 9, failure_reason="late")]
    (session,) = read(database, "agent_sessions", tenant)
    told = (session["phase"], session["completed_at"], session["failure_reason"], session["updated_at"])
    assert told == ("archived", at(3), "late", at(9))


@CASES.case
def test_a_span_says_of_its_session_what_an_event_does_and_completes_it_by_its_outcome(
    database: Database, tenant: str
) -> Steps:
    said = {"spanhouse.session.strategy_name": "momentum", "spanhouse.session.outcome": "success"}
    run = Ended("invoke_agent quant", 1, 7, {**AGENT, **SESSION, **said, "spanhouse.session.metric.epochs": 3})
    yield [run]
    (metrics,) = read(database, "agent_metrics", tenant)
    told = (metrics["strategy_name"], metrics["outcome"], metrics["epochs"], metrics["duration_seconds"])
    assert told == ("momentum", "success", 3, 6)


@CASES.case
def test_what_is_said_within_a_run_belongs_to_the_runs_session_client_and_flow(
    database: Database, tenant: str
) -> Steps:
    flow = {"spanhouse.flow.id": "flow-1", "spanhouse.client_account.id": "client-1"}
    run = Ended("invoke_agent quant", 0, 9, {**AGENT, **SESSION, **flow})
    said = [
        Event("spanhouse.session.phase", 1, {"spanhouse.session.phase": "training"}),
        Event("spanhouse.task.running", 2, {"spanhouse.task.id": "t"}),
        Event("spanhouse.trigger", 3),
    ]
    yield [*said, run]
    (session,), (trigger,) = read(database, "agent_sessions", tenant), read(database, "agent_triggers", tenant)
    assert (session["id"], session["phase"], trigger["session_id"]) == ("cycle-1", "training", "cycle-1")
    (task,) = read(database, "agent_task_history", tenant)
    told = (task["agent_name"], task["flow_id"], task["client_account_id"], task["session_id"])
    assert told == ("quant", "flow-1", "client-1", "cycle-1")


@CASES.case
def test_the_cost_of_a_session_is_that_of_all_its_runs(database: Database, tenant: str) -> Steps:
    def call(id: str, trace: str, cost: float) -> Ended:  # noqa: A002
        said = {"gen_ai.operation.name": "chat", "spanhouse.cost_usd": cost, "gen_ai.usage.input_tokens": 10}
        return Ended("chat m", 1, 2, {**said, **SESSION}, id=id, trace=trace)

    done = Event("spanhouse.session.completed", 9, {**SESSION, "spanhouse.session.outcome": "success"})
    yield [call(CALL, TRACE, 0.25), call(RUN, OTHER_TRACE, 0.5), done]
    (metrics,) = read(database, "agent_metrics", tenant)
    assert (metrics["estimated_cost_usd"], metrics["total_tokens_in"]) == (0.75, 20)
    assert metrics["total_tokens_out"] is None, "nobody said how many, which is not none"


_NO_NUMBERS = ("", "NaN", "Infinity", "-Infinity", "1e999", "many", "[1]", "{}", "\0", "٣", "9" * 400)


@CASES.each({str(number): [text] for number, text in enumerate(_NO_NUMBERS)})
def test_what_is_no_number_is_unknown(database: Database, tenant: str, text: str) -> Steps:
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
    yield said
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


_STANDS = (
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
)


@CASES.each({" ".join(said): [said, stands] for said, stands in _STANDS})
def test_a_task_stands_as_was_said_last_and_a_final_word_stays(
    database: Database, tenant: str, said: list[str], stands: tuple[str | None, bool | None]
) -> Steps:
    yield [Event(f"spanhouse.task.{word}", when, TASK) for when, word in enumerate(said)]
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["status"], task["success"]) == stands


@CASES.case
def test_a_span_with_a_tasks_name_is_its_work_and_one_with_its_id_alone_is_not(
    database: Database, tenant: str
) -> Steps:
    call = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 70, "gen_ai.usage.output_tokens": 5}
    said = {**AGENT, "spanhouse.task.id": "t", "spanhouse.task.name": "survey", "spanhouse.task.result": "12 servers"}
    work = Ended("invoke_agent quant", 1, 8, said)
    yield [Ended("chat m", 2, 3, {**call, "spanhouse.task.id": "t"}, id=CALL, parent=RUN)]
    assert read(database, "agent_task_history", tenant) == []
    yield [work]
    (task,) = read(database, "agent_task_history", tenant)
    told = ("status", "success", "started_at", "completed_at", "duration_seconds", "result_preview")
    assert [task[name] for name in told] == ["completed", True, at(1), at(8), 7, "12 servers"]
    assert (task["llm_calls_count"], task["token_usage"]) == (1, 75), "as its run did nothing else"


@CASES.case
def test_a_failed_span_fails_its_task_unless_something_else_was_said(database: Database, tenant: str) -> Steps:
    work = Ended("survey", 1, 8, {"spanhouse.task.id": "t", "spanhouse.task.name": "survey"}, error="no route")
    yield [work]
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["status"], task["error_message"]) == ("failed", "no route")
    yield [Event("spanhouse.task.timeout", 7, {"spanhouse.task.id": "t"})]
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["status"], task["completed_at"]) == ("timeout", at(7))


@CASES.case
def test_a_task_that_ended_before_it_began_has_no_duration(database: Database, tenant: str) -> Steps:
    said = [Event("spanhouse.task.completed", 1, TASK), Event("spanhouse.task.running", 5, TASK)]
    yield said
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["status"], task["started_at"], task["duration_seconds"]) == ("completed", None, None)


@CASES.case
def test_a_task_id_may_be_used_again_in_another_flow(database: Database, tenant: str) -> Steps:
    other = {**TASK, "spanhouse.flow.id": "flow-2"}
    said = [Event("spanhouse.task.completed", 1, TASK), Event("spanhouse.task.running", 2, other)]
    yield said
    tasks = {row["flow_id"]: row["status"] for row in read(database, "agent_task_history", tenant)}
    assert tasks == {"flow-1": "completed", "flow-2": "running"}


@CASES.case
def test_what_does_not_name_the_flow_of_a_task_is_of_the_only_one_that_has_it(database: Database, tenant: str) -> Steps:
    said = [
        Event("spanhouse.task.running", 1, TASK),
        Event("spanhouse.task.completed", 2, {"spanhouse.task.id": "task-1"}),
    ]
    yield said
    (task,) = read(database, "agent_task_history", tenant)
    assert (task["flow_id"], task["status"]) == ("flow-1", "completed")


@CASES.case
def test_a_run_that_worked_at_two_tasks_does_not_say_which_of_them_used_what(database: Database, tenant: str) -> Steps:
    said = [Event("spanhouse.task.completed", 1, {"spanhouse.task.id": each}) for each in "ab"]
    yield [*said, *CYCLE[4:5], Ended("invoke_agent quant", 0, 9, AGENT)]
    tasks = read(database, "agent_task_history", tenant)
    assert [(task["llm_calls_count"], task["token_usage"]) for task in tasks] == [(None, None)] * 2


@CASES.case
def test_a_triage_is_rows(database: Database, tenant: str) -> Steps:
    text = json.dumps(TRIAGE)
    yield [output(text)]
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


_OUTPUTS: list[dict[str, object]] = [
    {"spanhouse.output.json": '{"files":[{"file_id":"f"}]}', "output.value": "its text"},
    {"output.value": '{"files":[{"file_id":"f"}]}'},
    {"final_result": '{"files":[{"file_id":"f"}]}'},
    {
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": '{"files":[{"file_id":"f"}]}'}]}]
        )
    },
]


@CASES.each({str(number): [said] for number, said in enumerate(_OUTPUTS)})
def test_an_output_is_found_where_the_conventions_put_it(
    database: Database, tenant: str, said: dict[str, object]
) -> Steps:
    schema = {"spanhouse.output.schema": "triage.models.TriageOutput"}
    yield [Ended("invoke_agent triage", 0, 1, {**AGENT, **schema, **said})]
    (file,) = read(database, "triage_files", tenant)
    assert file["file_id"] == "f"


@CASES.case
def test_an_event_may_carry_the_output_and_the_span_that_says_it_again_adds_nothing(
    database: Database, tenant: str
) -> Steps:
    said = {"spanhouse.output.schema": "TriageOutput"}
    event = Event("spanhouse.execution.completed", 4, said, body='{"files":[{"file_id":"f"}]}')
    yield [event, event, output('{"files":[{"file_id":"f"}]}')]
    assert len(read(database, "agent_outputs", tenant)) == len(read(database, "triage_files", tenant)) == 1


_MALFORMED = (
    "",
    "{",
    "[]",
    "null",
    "7",
    '"files"',
    '{"files":{}}',
    '{"files":[1,null,[],"x"]}',
    '{"files":[{"file_id":7}]}',
    '{"files":[{"domain_scores":{},"entities":7,"summary":[],"complexity":null}],"groupings":[{}]}',
    '{"files":[{"domain_scores":[7,{}],"entities":[null,{"confidence":"much"}]}],"groupings":7}',
    '{"files":[{"domain_scores":[{"domain":"a","score":1.5},{"domain":"b","score":-1},{"domain":"c","score":"1e999"}]}]}',
    "[" * 5000,
)


@CASES.each({str(number): [text] for number, text in enumerate(_MALFORMED)})
def test_malformed_output_breaks_no_view_and_its_text_is_kept(database: Database, tenant: str, text: str) -> Steps:
    yield [output(text), output(json.dumps(TRIAGE), id=OTHER_RUN)]
    found = {row["execution_id"]: row["output"] for row in read(database, "agent_outputs", tenant)}
    assert found[RUN] == text
    assert all(0 <= row["score"] <= 1 for row in read(database, "triage_domain_scores", tenant) if row["score"])
    assert len(read(database, "triage_entities", tenant)) >= 1
    assert len(read(database, "triage_groupings", tenant)) >= 1


@CASES.case
def test_a_judgement_of_a_pattern_that_nobody_has_observed_waits_for_it(database: Database, tenant: str) -> Steps:
    yield PATTERNS[4:]
    assert read(database, "agent_discovered_patterns", tenant) == []
    yield PATTERNS[:1]
    (pattern,) = read(database, "agent_discovered_patterns", tenant)
    assert (pattern["effectiveness_score"], pattern["last_used_at"]) == (0.75, None)


@CASES.case
def test_observations_without_evidence_are_evidence_and_one_that_comes_again_is_not(
    database: Database, tenant: str
) -> Steps:
    seen = [Event("spanhouse.pattern", at_, {"spanhouse.pattern.id": "p"}) for at_ in range(3)]
    named = Event("spanhouse.pattern", 9, {"spanhouse.pattern.id": "p", "spanhouse.event.id": "once"})
    again = Event("spanhouse.pattern", 10, {"spanhouse.pattern.id": "p", "spanhouse.event.id": "once"})
    yield [*seen, *seen, named, again]
    (pattern,) = read(database, "agent_discovered_patterns", tenant)
    assert (pattern["evidence_count"], pattern["evidence_items"]) == (4, [])
    assert (pattern["user_feedback_given"], pattern["effectiveness_score"]) == (False, None)


@CASES.case
def test_a_run_is_in_the_audit_trail_before_it_ends_with_what_it_was_asked(database: Database, tenant: str) -> Steps:
    asked = {"gen_ai.input.messages": '[{"role":"user"}]', "gen_ai.agent.name": "quant"}
    yield [Event("spanhouse.execution.pending", 1, asked)]
    (run,) = read(database, "agent_execution_history", tenant)
    told = (run["status"], run["input_data"], run["output_data"], run["created_at"], run["completed_at"])
    assert told == ("pending", '[{"role":"user"}]', None, at(1), None)


@CASES.case
def test_a_run_that_two_spans_tell_of_has_the_input_of_either(database: Database, tenant: str) -> Steps:
    outer = Ended("invoke_agent quant", 0, 9, AGENT)
    inner = Ended("invoke_agent quant", 1, 8, {**AGENT, "gen_ai.input.messages": "asked"}, id=OTHER_RUN, parent=RUN)
    yield [outer, inner, *CYCLE[4:5]]
    inputs = {row["input_data"] for row in read(database, "agent_execution_history", tenant)}
    assert "asked" in inputs


@CASES.case
def test_what_has_no_word_of_a_record_reaches_no_table_of_records(database: Database, tenant: str) -> Steps:
    said = {**AGENT, **SESSION, "spanhouse.sessions.x": "1", "xspanhouse.task.name": "y", "spanhouse.case.id": "c"}
    yield [Ended("invoke_agent quant", 0, 9, said), Event("spanhouse.execution.running", 1)]
    assert query(database, f"SELECT * FROM spanhouse.record_statements WHERE TenantId = '{tenant}'") == []
