"""Tenants of whom something stands in every derived table, and ways to make a row of each say what is not so."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive import daily_sums
from spanhouse_schema.derive.settling import settle
from spanhouse_schema.proof.audit import Report, audit
from spanhouse_schema.proof.diff import Difference
from tests.support.corpus_spans import span
from tests.support.insert_rows import insert

TRACE = "0af7651916cd43dd8448eb211c80319c"
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "quant", "gen_ai.conversation.id": "s-1"}
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.id": "r-1",
    "gen_ai.usage.input_tokens": "1000",
}
SPANS = [
    span("a", AGENT | {"spanhouse.session.phase": "designing", "spanhouse.execution.confidence": "0.5"}),
    span("b", CALL, "a"),
]
_EVENT = f"""
    INSERT INTO spanhouse.otel_logs (TenantId, Timestamp, TraceId, SpanId, EventName, LogAttributes)
    SELECT arrayJoin({{tenants:Array(String)}}), toDateTime64('2026-09-21 14:13:20', 9, 'UTC'), '{TRACE}', 'a',
        'spanhouse.execution.progress', map('spanhouse.execution.progress', '0.25')
"""


class Tampered(NamedTuple):
    """A derived table, a column of it with another value, and what makes a row of it another row."""

    table: str
    column: str
    value: str
    other: Mapping[str, str]


TABLES = (
    Tampered("agent_spans", "WholeInputTokens", "WholeInputTokens + 1", {"SpanId": "'x'"}),
    Tampered("response_ids", "StartedAt", "StartedAt + 1", {"SpanId": "'x'"}),
    Tampered("execution_events", "Progress", "Progress / 2", {"EventId": "'x'"}),
    Tampered("record_statements", "ConfidenceScore", "0.75", {"Id": "'x'", "SpanId": "'x'"}),
    Tampered("agent_cycles", "StartedAt", "StartedAt - 1", {"SessionId": "'x'"}),
    Tampered("agent_calls", "CostUSD", "CostUSD * 2", {"SpanId": "'x'"}),
    Tampered("agent_executions", "TotalInputTokens", "TotalInputTokens + 1", {"ExecutionId": "'x'"}),
    Tampered("agent_executions_by_agent", "DurationMs", "DurationMs + 1", {"AgentName": "'x'"}),
    Tampered("daily_ledger", "Unpriced", "Unpriced + 1", {"ExecutionId": "'x'"}),
    Tampered("performance_sums", "ToolCalls", "ToolCalls + 1", {"AgentName": "'x'"}),
    Tampered("daily_participants", "Executions", "Executions + 1", {"Id": "'x'"}),
    Tampered("model_usage_sums", "InputTokens", "InputTokens + 1", {"Model": "'x'"}),
    Tampered("spend_sums", "CostUSD", "CostUSD + 1", {"ScopeId": "'x'"}),
    Tampered("tenant_spend_seconds", "CostUSD", "CostUSD + 1", {"At": "At + 1"}),
    Tampered("daily_spend", "Sign", "Sign + 1", {"ExecutionId": "'x'"}),
)
"""Every table that is derived."""
WAYS = ("a number is another one", "a row is gone", "a row is too many")


class Tampering(NamedTuple):
    """A tenant, and what was done to one row of it, in one table."""

    tenant: str
    how: str
    table: Tampered


def planted(database: Database, directory: Path) -> str:
    """A tenant of its own, of whom an agent's run, a call of a model, an event and a session are settled."""
    (tenant,) = plant(database, directory, new_tenants(1))
    return tenant


def new_tenants(number: int) -> list[str]:
    """So many tenants that nobody has yet."""
    return [f"planted-{uuid4().hex}" for _ in range(number)]


def plant(database: Database, directory: Path, tenants: list[str]) -> list[str]:
    """Several such tenants: to settle all of them at once takes as long as to settle one."""
    insert(database, dict.fromkeys(tenants, SPANS), directory)
    database.command(_EVENT, parameters={"tenants": tenants})
    settle(database, 60)
    return tenants


def tampered_with(database: Database, directory: Path) -> list[Tampering]:
    """A tenant for every way to tamper with every table, to whom that was done and nothing else."""
    todo = [(how, table) for table in TABLES for how in WAYS]
    tenants = plant(database, directory, new_tenants(len(todo)))
    done = [Tampering(tenant, *each) for tenant, each in zip(tenants, todo, strict=True)]
    for each in done:
        tamper(database, *each)
    return done


def audited(database: Database) -> Report:
    """What the audit says of everything, with every row that differs as an example."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spanhouse_schema.proof.diff._EXAMPLES", 10_000)
        return audit(database)


def examples(report: Report, tenant: str) -> dict[str, list[Difference]]:
    """Those of a tenant, by table."""
    found = ((each.table, example) for each in report.found for example in each.examples)
    of_tenant = [(table, example) for table, example in found if tenant in _whose(example)]
    return {name: [example for table, example in of_tenant if table == name] for name, _ in of_tenant}


def _whose(example: Difference) -> Iterable[str]:
    return (value for name, value in example.key.items() if name in {"TenantId", "tenant_id"})


def tamper(database: Database, tenant: str, how: str, tampered: Tampered) -> None:
    """Make a row of a tenant's say what is not so, as whoever reads the table sees it."""
    table = tampered.table
    changed = {WAYS[0]: {tampered.column: tampered.value}, WAYS[1]: {"IsDeleted": "1"}, WAYS[2]: tampered.other}[how]
    if table in _VERSIONED:
        _add(database, tenant, table, {**changed, "Version": "Version + 1"}, final="FINAL")
    elif table == "daily_ledger" and how != WAYS[2]:
        # An entry is taken back; the views behind the ledger follow.
        for changes in (changed, {"Sign": "-1"}) if how == WAYS[0] else ({"Sign": "-1"},):
            _add(database, tenant, table, changes, where="Entry = 'spend' AND Unpriced = 0")
    elif how == WAYS[1]:
        _command(database, tenant, f"DELETE FROM spanhouse.{table} WHERE {{of}}")
    elif how == WAYS[2] or table in _SUMS:
        _add(database, tenant, table, changed)
    else:
        update = f"UPDATE {tampered.column} = {tampered.value}"
        _command(database, tenant, f"ALTER TABLE spanhouse.{table} {update} WHERE {{of}}")


_VERSIONED = ("agent_calls", "agent_executions", "agent_executions_by_agent")
_SUMS = ("agent_cycles", *daily_sums.TABLES)


def _add(
    database: Database, tenant: str, table: str, changes: Mapping[str, str], *, final: str = "", where: str = "true"
) -> None:
    replaced = ", ".join(f"{value} AS {name}" for name, value in changes.items())
    some = f"SELECT * FROM spanhouse.{table} {final} WHERE {{of}} AND {where} LIMIT 1"
    _command(database, tenant, f"INSERT INTO spanhouse.{table} SELECT * REPLACE ({replaced}) FROM ({some})")


def _command(database: Database, tenant: str, statement: str) -> None:
    # What is done twice to rows that are alike is done twice.
    settings = {"mutations_sync": 2, "insert_deduplicate": 0}
    database.command(statement.replace("{of}", f"TenantId = '{tenant}'"), settings=settings)
