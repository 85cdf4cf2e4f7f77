"""What `agent_budget_daily` says of a tenant, and what the reference says, of its executions or of its spans."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from spanhouse_schema import Database
from tests.oracle import Execution, derive, normalise
from tests.oracle.budgets import Key, Limit, Said, Spent, daily
from tests.oracle.costs import UNPRICED, cost_of_call, told_cost
from tests.reference import Row
from tests.support.expected_executions import assert_equal

Days = dict[Key, dict[str, Any]]

_TASKS = frozenset({"agent", "workflow"})
_FIGURES = (
    *("limit_usd", "used_usd", "remaining_usd", "unpriced_calls", "invocations", "cycles_started", "cycles_completed"),
    *("over_50_at", "over_80_at", "over_100_at"),
)


def stored(database: Database, tenant: str) -> Days:
    """The rows of a tenant."""
    columns = ", ".join(f"toUnixTimestamp64Second({name})" if name.startswith("over") else name for name in _FIGURES)
    rows = database.rows(
        f"SELECT scope, date, scope_id, {columns} FROM spanhouse.agent_budget_daily "
        "WHERE tenant_id = {tenant:String}",
        parameters={"tenant": tenant},
    )
    return {Key(*row[:3]): dict(zip(_FIGURES, row[3:], strict=True)) for row in rows}


def counted(database: Database, tenant: str) -> Days:
    """What they must be, from the executions and calls that are stored, the limits, and what was said of sessions."""
    return daily(_spent(database, tenant), database.timezone, _limits(database, tenant), _said(database, tenant))


def from_spans(rows: Iterable[Row], timezone: str) -> Days:
    """What they must be, from the spans, where nobody said anything of limits or sessions."""
    executions, _ = derive(span for row in rows if (span := normalise(row)))
    return daily(map(_spent_by, executions.values()), timezone)


def assert_budgeted(database: Database, tenant: str) -> None:
    """The days of a tenant's budgets are what its executions come to."""
    assert_equal(stored(database, tenant), counted(database, tenant))


def _spent_by(each: Execution) -> Spent:
    told = told_cost(each)
    costs = [(call.top.start, cost_of_call(call)) for call in each.calls] + ([(each.started, told)] if told else [])
    return Spent(
        began=each.started,
        agent=each.says("AgentName"),
        user=each.inherited["UserId"],
        session=each.inherited["SessionId"],
        is_run=each.kind in _TASKS,
        is_first=not each.parent_id,
        priced=[(at, cost.usd) for at, cost in costs if cost.usd is not None],
        unpriced=[at for at, cost in costs if cost.sources == UNPRICED],
    )


def _spent(database: Database, tenant: str) -> list[Spent]:
    costs: Mapping[tuple[str, str], list[tuple[int, Decimal | None, str]]] = defaultdict(list)
    for trace, execution, *cost in _rows(
        database,
        "SELECT TraceId, ExecutionId, toUnixTimestamp64Nano(StartedAt), CostUSD, CostSource "
        "FROM spanhouse.agent_calls FINAL WHERE CostSource != '' AND TenantId = {tenant:String}",
        tenant,
    ):
        costs[trace, execution].append((cost[0], cost[1], cost[2]))
    found = []
    for trace, execution, began, agent, user, session, kind, parent, usd, source, unpriced in _rows(
        database,
        "SELECT TraceId, ExecutionId, toUnixTimestamp64Nano(StartedAt), AgentName, UserId, SessionId, Kind, "
        "ParentExecutionId, CostUSD, CostSource, UnpricedCalls "
        "FROM spanhouse.agent_executions FINAL WHERE TenantId = {tenant:String}",
        tenant,
    ):
        own = list(costs[trace, execution])
        if not any(cost is not None for _, cost, _ in own) and (usd is not None or (source and not unpriced)):
            own.append((began, usd, source))
        found.append(
            Spent(
                *(began, agent, user, session, kind in _TASKS, not parent),
                priced=[(at, cost) for at, cost, _ in own if cost is not None],
                unpriced=[at for at, _, source in own if source == "unpriced"],
            )
        )
    return found


def _limits(database: Database, tenant: str) -> list[Limit]:
    return [
        Limit(*row)
        for row in _rows(
            database,
            "SELECT scope, scope_id, toUnixTimestamp64Second(valid_from), limit_usd, is_cleared "
            "FROM spanhouse.budget_limits WHERE period = 'day' AND tenant_id = {tenant:String} ORDER BY valid_from",
            tenant,
        )
    ]


def _said(database: Database, tenant: str) -> list[Said]:
    return [
        Said(*row)
        for row in _rows(
            database,
            "SELECT SessionId, toUnixTimestamp64Nano(StartedAt), toUnixTimestamp64Nano(At), "
            "EventName = 'spanhouse.session.completed', Said['outcome'] != '', AgentName, UserId "
            "FROM spanhouse.record_statements "
            "WHERE About = 'session' AND SessionId != '' AND TenantId = {tenant:String}",
            tenant,
        )
    ]


def _rows(database: Database, sql: str, tenant: str) -> list[tuple[Any, ...]]:
    return database.rows(sql, parameters={"tenant": tenant})
