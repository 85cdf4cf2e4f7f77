"""Every field that the records ask for is a column that a reader would guess; test_records shows what it says."""

import pytest

from spanhouse_schema import Database

# In the words of those who ask; the name is the words with underscores, but for what stands behind a colon.
FIELDS = {
    "agent_execution_history": """
        id, case id, parent execution id, agent type, agent name, model, status, input data, output data,
        thinking traces, tools called, input tokens, output tokens, started: started_at, completed:
        completed_at, duration: duration_ms, error message, created: created_at, updated: updated_at, agent id,
        user id
    """,
    "agent_outputs": "execution id, schema, output",
    "triage_domain_scores": "domain, score, reasoning",
    "triage_entities": "type, value, confidence, where found: location",
    "triage_files": """
        short: summary_short, detailed: summary_detailed, key points, level: complexity_level, score:
        complexity_score, reasons: complexity_reasons, recommended strategy
    """,
    "triage_groupings": "name, file ids, reason",
    "agent_task_history": """
        flow id, agent name, agent type, task id, task name, description, status, created: created_at, started:
        started_at, completed: completed_at, duration seconds, success, result preview, error message,
        confidence score, LLM calls count, thinking phases count, token usage, memory usage MB, client account
        id, engagement id
    """,
    "agent_performance_daily": """
        date, client account id, engagement id, agent name, tasks attempted, tasks completed, tasks failed,
        average duration, success rate, average confidence, total LLM calls, total tokens
    """,
    "agent_discovered_patterns": """
        pattern id, type, name, description, confidence score, evidence count, evidence items, times referenced,
        effectiveness score, insight type, execution context, user feedback given, user feedback score, user
        feedback comments, discovered by, task id, created: created_at, last used: last_used_at
    """,
    "agent_sessions": """
        id, phase, strategy name, strategy config, strategy file path, operation ids, training results, backtest
        results, assessment, assessment passed, assessment explanation, assessment metrics, outcome, failure
        reason, created: created_at, updated: updated_at, completed: completed_at
    """,
    "agent_actions": """
        session: session_id, when, tool name, tool args, tool result, success, error message, input tokens:
        tokens_input, output tokens: tokens_output
    """,
    "agent_triggers": """
        when, reason, session: session_id, context, agent invoked, skip reason, budget used: budget_used_usd,
        budget remaining: budget_remaining_usd
    """,
    "agent_metrics": """
        started: started_at, completed: completed_at, duration: duration_seconds, training accuracy, final loss,
        epochs, early stopped, backtest Sharpe, win rate, max drawdown, trades, profit factor, total tokens in,
        total tokens out, estimated cost: estimated_cost_usd, outcome, gate failed
    """,
    "agent_budget": "date, limit USD, used USD, invocations, cycles started, cycles completed",
}


@pytest.mark.parametrize("relation", FIELDS)
def test_each_field_is_a_column(database: Database, relation: str) -> None:
    columns = {row[0] for row in database.rows(f"DESCRIBE TABLE spanhouse.{relation}")}
    assert {_column(field) for field in FIELDS[relation].split(",")} <= columns


def _column(field: str) -> str:
    words, _, name = field.strip().partition(":")
    return name.strip() or "_".join(words.lower().split())
