"""Each field of the records that agents keep is sent by plain OTLP, and read back in SQL under its own name."""

import json
from collections.abc import Generator, Sequence
from functools import partial

import pytest

from spanhouse_schema import Database
from tests.schema.records import (
    AGENT,
    CALL,
    METRICS,
    OTHER_RUN,
    RUN,
    TRACE,
    Ended,
    Event,
    Thing,
    at,
    read,
    send_in_turn,
)
from tests.support.in_rounds import Cases, Outcomes

SESSION = {"gen_ai.conversation.id": "cycle-1"}
CLIENT = {"spanhouse.client_account.id": "client-1", "spanhouse.engagement.id": "engagement-1"}
ASSESSMENT = '{"passed":true,"explanation":"holds out of sample","metrics":{"sharpe":1.5}}'

# One research cycle: its agent's span with a priced call and a tool, and what was said of it while it ran.
CYCLE: list[Thing] = [
    Event("spanhouse.session.phase", 0, {**SESSION, "spanhouse.session.phase": "designing"}),
    Event(
        "spanhouse.session.phase",
        10,
        {
            **SESSION,
            "spanhouse.session.phase": "training",
            "spanhouse.session.strategy_name": "momentum",
            "spanhouse.session.strategy_config": '{"window":20}',
            "spanhouse.session.strategy_file": "strategies/momentum.yaml",
            "spanhouse.session.operation_ids": ["op-1", "op-2"],
        },
    ),
    Event(
        "spanhouse.session.phase",
        20,
        {
            **SESSION,
            "spanhouse.session.phase": "assessing",
            "spanhouse.session.training_results": '{"loss":0.31}',
            "spanhouse.session.backtest_results": '{"sharpe":1.5}',
            "spanhouse.session.assessment": ASSESSMENT,
        },
    ),
    Event(
        "spanhouse.session.completed",
        30,
        {
            **SESSION,
            "spanhouse.session.outcome": "failed_backtest_gate",
            "spanhouse.session.failure_reason": "too few trades",
            **{f"spanhouse.session.metric.{name}": value for name, value in METRICS.items()},
        },
    ),
    Ended(
        "chat m",
        2,
        4,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.response.model": "m-1",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "spanhouse.cost_usd": 0.25,
        },
        id=CALL,
        parent=RUN,
    ),
    Ended(
        "execute_tool backtest",
        5,
        6,
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "backtest",
            "gen_ai.tool.call.arguments": '{"days":30}',
            "gen_ai.tool.call.result": "too few trades",
        },
        id=OTHER_RUN,
        parent=RUN,
        error="gate",
    ),
    Ended("invoke_agent quant", 0, 31, {**AGENT, **SESSION, **CLIENT, "user.id": "u-1"}),
]

TRIGGER = Event(
    "spanhouse.trigger",
    1,
    {
        **SESSION,
        "spanhouse.trigger.reason": "start_new_cycle",
        "spanhouse.trigger.context": '{"queue":2}',
        "spanhouse.trigger.invoked": False,
        "spanhouse.trigger.skip_reason": "budget_exceeded",
        "spanhouse.trigger.budget_used_usd": 4.75,
        "spanhouse.trigger.budget_remaining_usd": 0.25,
    },
)

TASK = {"spanhouse.task.id": "task-1", "spanhouse.flow.id": "flow-1", "gen_ai.agent.name": "surveyor", **CLIENT}
TASKS: list[Thing] = [
    Event("spanhouse.task.pending", 0, TASK),
    Event(
        "spanhouse.task.running",
        10,
        {
            **TASK,
            "spanhouse.task.name": "survey",
            "spanhouse.task.type": "discovery",
            "spanhouse.task.description": "look at every server",
            "spanhouse.agent.type": "specialist",
        },
    ),
    Event("spanhouse.task.thinking", 11, TASK),
    Event("spanhouse.task.waiting_for_llm", 12, TASK),
    Event("spanhouse.task.thinking", 13, TASK),
    Event(
        "spanhouse.task.failed",
        20,
        {
            **TASK,
            "spanhouse.task.result": "r" * 300,
            "exception.message": "no route",
            "spanhouse.execution.confidence": 0.4,
            "spanhouse.task.llm_calls_count": 3,
            "spanhouse.task.token_usage": 1200,
            "spanhouse.memory_mb": 256.5,
        },
    ),
]

PATTERN = {"spanhouse.pattern.id": "p-1", "gen_ai.agent.name": "surveyor", "spanhouse.task.id": "task-1"}
PATTERNS: list[Thing] = [
    Event(
        "spanhouse.pattern",
        0,
        {
            **PATTERN,
            "spanhouse.pattern.type": "dependency",
            "spanhouse.pattern.name": "shared database",
            "spanhouse.pattern.description": "two apps, one database",
            "spanhouse.pattern.confidence": 0.6,
            "spanhouse.pattern.evidence": ["app-1", "app-2"],
            "spanhouse.pattern.insight_type": "technical",
            "spanhouse.pattern.execution_context": '{"phase":"discovery"}',
        },
    ),
    Event(
        "spanhouse.pattern", 5, {**PATTERN, "spanhouse.pattern.confidence": 0.8, "spanhouse.pattern.evidence": "app-3"}
    ),
    Event("spanhouse.pattern.referenced", 6, PATTERN),
    Event("spanhouse.pattern.referenced", 7, PATTERN),
    Event(
        "spanhouse.feedback",
        8,
        {"spanhouse.feedback.pattern_id": "p-1", "spanhouse.feedback.score": 1.0, "spanhouse.feedback.comment": "yes"},
    ),
    Event(
        "spanhouse.feedback",
        9,
        {
            "spanhouse.feedback.pattern_id": "p-1",
            "spanhouse.feedback.score": 0.5,
            "spanhouse.feedback.comment": "mostly",
        },
    ),
]


Steps = Generator[Sequence[Thing]]
CASES = Cases[Sequence[Thing], None]("records")


@pytest.fixture(scope="module")
def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return CASES.play(database, partial(send_in_turn, database, directory=tmp_path_factory.mktemp("records")))


@CASES.case
def test_a_session(database: Database, tenant: str) -> Steps:
    yield CYCLE
    (session,) = read(database, "agent_sessions", tenant)
    assert session == {
        "id": "cycle-1",
        "agent_id": "",
        "agent_name": "quant",
        "user_id": "u-1",
        "client_account_id": "client-1",
        "engagement_id": "engagement-1",
        "phase": "idle",
        "strategy_name": "momentum",
        "strategy_config": '{"window":20}',
        "strategy_file_path": "strategies/momentum.yaml",
        "operation_ids": ["op-1", "op-2"],
        "training_results": '{"loss":0.31}',
        "backtest_results": '{"sharpe":1.5}',
        "assessment": ASSESSMENT,
        "assessment_passed": True,
        "assessment_explanation": "holds out of sample",
        "assessment_metrics": '{"sharpe":1.5}',
        "outcome": "failed_backtest_gate",
        "failure_reason": "too few trades",
        "gate_failed": "backtest",
        "metrics": {name: float(value) for name, value in METRICS.items()},
        "executions": 1,
        "total_tokens_in": 100,
        "total_tokens_out": 20,
        "estimated_cost_usd": 0.25,
        "created_at": at(0),
        "updated_at": at(31),
        "completed_at": at(30),
    }


@CASES.case
def test_the_metrics_of_a_completed_session(database: Database, tenant: str) -> Steps:
    yield CYCLE[:-1]
    yield CYCLE[-1:]
    (metrics,) = read(database, "agent_metrics", tenant)
    assert metrics.pop("metrics") == {name: float(value) for name, value in METRICS.items()}
    assert metrics == {
        **{name: value for name, value in METRICS.items() if name != "sortino"},
        "session_id": "cycle-1",
        "agent_id": "",
        "agent_name": "quant",
        "user_id": "u-1",
        "client_account_id": "client-1",
        "engagement_id": "engagement-1",
        "strategy_name": "momentum",
        "started_at": at(0),
        "completed_at": at(30),
        "duration_seconds": 30,
        "executions": 1,
        "total_tokens_in": 100,
        "total_tokens_out": 20,
        "estimated_cost_usd": 0.25,
        "outcome": "failed_backtest_gate",
        "failure_reason": "too few trades",
        "gate_failed": "backtest",
    }


@CASES.case
def test_operations_that_are_said_one_by_one_add_up(database: Database, tenant: str) -> Steps:
    first, second, third = (
        Event("spanhouse.session.operation", moment, {**SESSION, "spanhouse.session.operation_id": operation})
        for moment, operation in [(1, "op-3"), (2, "op-4"), (3, "op-1")]
    )
    yield [third, first, *CYCLE, second, first]
    (session,) = read(database, "agent_sessions", tenant)
    assert session["operation_ids"] == ["op-1", "op-2", "op-3", "op-4"]


@CASES.case
def test_a_trigger(database: Database, tenant: str) -> Steps:
    yield [TRIGGER, TRIGGER]
    (trigger,) = read(database, "agent_triggers", tenant)
    assert len(trigger.pop("id")) == 32
    assert trigger == {
        "triggered_at": at(1),
        "when": at(1),
        "reason": "start_new_cycle",
        "session_id": "cycle-1",
        "context": '{"queue":2}',
        "agent_invoked": False,
        "skip_reason": "budget_exceeded",
        "budget_used_usd": 4.75,
        "budget_remaining_usd": 0.25,
        "agent_id": "",
        "agent_name": "",
        "user_id": "",
        "client_account_id": "",
        "engagement_id": "",
        "trace_id": TRACE,
    }


@CASES.case
def test_an_action(database: Database, tenant: str) -> Steps:
    yield CYCLE
    (action,) = read(database, "agent_actions", tenant)
    told = ("session_id", "when", "tool_name", "tool_args", "tool_result", "success", "error_message", "tokens_input")
    assert {name: action[name] for name in (*told, "tokens_output")} == {
        "session_id": "cycle-1",
        "when": at(5),
        "tool_name": "backtest",
        "tool_args": '{"days":30}',
        "tool_result": "too few trades",
        "success": False,
        "error_message": "gate",
        "tokens_input": None,
        "tokens_output": None,
    }


@CASES.case
def test_a_task(database: Database, tenant: str) -> Steps:
    yield TASKS
    (task,) = read(database, "agent_task_history", tenant)
    assert task == {
        "flow_id": "flow-1",
        "agent_id": "",
        "agent_name": "surveyor",
        "agent_type": "specialist",
        "task_id": "task-1",
        "task_name": "survey",
        "task_type": "discovery",
        "description": "look at every server",
        "status": "failed",
        "created_at": at(0),
        "started_at": at(10),
        "completed_at": at(20),
        "duration_seconds": 10,
        "success": False,
        "result_preview": "r" * 200,
        "error_message": "no route",
        "confidence_score": 0.4,
        "llm_calls_count": 3,
        "thinking_phases_count": 2,
        "token_usage": 1200,
        "memory_usage_mb": 256.5,
        "client_account_id": "client-1",
        "engagement_id": "engagement-1",
        "session_id": "",
        "updated_at": at(20),
    }


@CASES.case
def test_an_execution(database: Database, tenant: str) -> Steps:
    asked, answered = json.dumps({"text": "ü" * 5000}), json.dumps({"files": ["a"] * 500})
    said = {**AGENT, "spanhouse.case.id": "case-1", "spanhouse.agent.type": "triage"}
    run = Ended(
        "invoke_agent quant", 0, 31, {**said, "gen_ai.input.messages": asked, "gen_ai.output.messages": answered}
    )
    thoughts = [
        Event("spanhouse.execution.thinking", 3, body="first"),
        Event("spanhouse.execution.thinking", 4, body="then"),
    ]
    yield [*thoughts, *CYCLE[4:6], run, thoughts[0]]
    (execution,) = read(database, "agent_execution_history", tenant)
    (tool,) = execution.pop("tools_called")
    assert tool == {
        "started_at": at(5),
        "span_id": OTHER_RUN,
        "tool_name": "backtest",
        "tool_args": '{"days":30}',
        "tool_result": "too few trades",
        "success": False,
        "error_message": "gate",
        "duration_ms": 1000,
    }
    assert execution.pop("updated_at")
    assert execution == {
        "id": RUN,
        "trace_id": TRACE,
        "case_id": "case-1",
        "parent_execution_id": "",
        "kind": "agent",
        "agent_type": "triage",
        "agent_id": "",
        "agent_name": "quant",
        "model": "m-1",
        "status": "completed",
        "status_message": "",
        "outcome": "",
        "input_data": asked,
        "output_data": answered,
        "thinking_traces": [{"at": at(3), "thought": "first"}, {"at": at(4), "thought": "then"}],
        "input_tokens": 100,
        "output_tokens": 20,
        "cost_usd": 0.25,
        "started_at": at(0),
        "completed_at": at(31),
        "duration_ms": 31000,
        "error_type": "",
        "error_message": "",
        "created_at": at(0),
        "session_id": "",
        "user_id": "",
        "client_account_id": "",
        "engagement_id": "",
        "flow_id": "",
        "confidence_score": None,
    }


@CASES.case
def test_a_pattern(database: Database, tenant: str) -> Steps:
    yield PATTERNS
    (pattern,) = read(database, "agent_discovered_patterns", tenant)
    assert pattern == {
        "pattern_id": "p-1",
        "type": "dependency",
        "name": "shared database",
        "description": "two apps, one database",
        "confidence_score": 0.8,
        "evidence_count": 3,
        "evidence_items": ["app-1", "app-2", "app-3"],
        "times_referenced": 2,
        "effectiveness_score": 0.75,
        "insight_type": "technical",
        "execution_context": '{"phase":"discovery"}',
        "user_feedback_given": True,
        "user_feedback_score": 0.5,
        "user_feedback_comments": ["yes", "mostly"],
        "discovered_by": "surveyor",
        "task_id": "task-1",
        "client_account_id": "",
        "engagement_id": "",
        "created_at": at(0),
        "last_used_at": at(7),
    }
