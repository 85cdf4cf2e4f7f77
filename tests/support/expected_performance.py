"""What `agent_performance_daily` says of a tenant, and what the reference says, of its executions or of its spans."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import pytest

from spanhouse_schema import Database
from tests.oracle import Execution, derive, normalise
from tests.oracle.costs import UNPRICED, cost_of_call, cost_of_execution
from tests.oracle.performance import COUNTS, SUMS, Key, Run, daily
from tests.oracle.usage import BUCKETS
from tests.reference import Row

Days = dict[Key, dict[str, Any]]

_TASKS = (
    *("tasks_attempted", "tasks_completed", "tasks_failed", "tasks_cancelled", "success_rate"),
    *("avg_duration_ms", "p50_duration_ms", "p95_duration_ms", "p99_duration_ms", "avg_confidence"),
)
_PERCENTILES = ("p50_duration_ms", "p95_duration_ms", "p99_duration_ms")
_COLUMNS = (*_TASKS, *COUNTS, *SUMS, "total_tokens", "distinct_users", "distinct_sessions")
# Of agent_executions.
_FIGURES = (
    *("ModelCalls", "FailedModelCalls", "EmbeddingCalls", "ToolCalls", "FailedToolCalls", "UnpricedCalls"),
    *(*BUCKETS, "EmbeddingTokens", "CostUSD"),
)
_OF_A_RUN = [each.name for each in fields(Run)]
_RUN = """
    Kind, Status, toUnixTimestamp64Nano(StartedAt),
    if(isNull(EndedAt), NULL, toUnixTimestamp64Nano(assumeNotNull(EndedAt))),
    AgentName, ServiceName, ClientAccountId, EngagementId, UserId, SessionId, ConfidenceScore
"""


def stored(database: Database, tenant: str) -> Days:
    """The rows of a tenant."""
    return _all_stored(database, tenant)[tenant]


def counted(database: Database, tenant: str) -> Days:
    """What they must be, from the executions that are stored."""
    return _all_counted(database, tenant)[tenant]


def from_spans(rows: Iterable[Row], timezone: str) -> Days:
    """What they must be, from the spans."""
    rows = list(rows)
    services = {(row["TraceId"], row["SpanId"]): row["ServiceName"] for row in rows}
    executions, _ = derive(span for row in rows if (span := normalise(row)))
    return daily((_run(each, services) for each in executions.values()), timezone)


def assert_counted(database: Database, *tenants: str) -> None:
    """The days of these tenants, or of everybody, are what their executions come to."""
    assert_same(_all_stored(database, *tenants), _all_counted(database, *tenants))


def assert_same(found: Mapping[str, Days], wanted: Mapping[str, Days]) -> None:
    """Both have the same rows, or the differences are named.

    Floats may differ in the last digits, and percentiles, which are counted in buckets, by 1 %.
    """
    missing, extra = _keys(wanted) - _keys(found), _keys(found) - _keys(wanted)
    assert not missing, f"missing: {sorted(missing)[:5]}"
    assert not extra, f"too many: {sorted(extra)[:5]}"
    different = [
        f"{tenant} {key} {name}: expected {value!r}, found {found[tenant][key][name]!r}"
        for tenant, days in wanted.items()
        for key, row in days.items()
        for name, value in row.items()
        if found[tenant][key][name] != _about(name, value)
    ]
    assert not different, "\n".join(different[:10])


def _about(name: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return pytest.approx(value, rel=0.01 if name in _PERCENTILES else 1e-11)


def _all_stored(database: Database, *tenants: str) -> dict[str, Days]:
    found: dict[str, Days] = defaultdict(dict)
    key = ", ".join(Key._fields)
    of = _of("tenant_id", tenants)
    for row in database.rows(
        f"SELECT tenant_id, {key}, {', '.join(_COLUMNS)} FROM spanhouse.agent_performance_daily {of}"
    ):
        found[row[0]][Key(*row[1:6])] = dict(zip(_COLUMNS, row[6:], strict=True))
    return found


def _all_counted(database: Database, *tenants: str) -> dict[str, Days]:
    runs: dict[str, list[Run]] = defaultdict(list)
    of = _of("TenantId", tenants)
    for whose, *columns in database.rows(
        f"SELECT TenantId, {_RUN}, {', '.join(_FIGURES)} FROM spanhouse.agent_executions FINAL {of}"
    ):
        runs[whose].append(_read(columns))
    return defaultdict(dict, {whose: daily(of_tenant, database.timezone) for whose, of_tenant in runs.items()})


def _keys(found: Mapping[str, Days]) -> set[tuple[str, Key]]:
    return {(tenant, key) for tenant, days in found.items() for key in days}


def _read(columns: list[Any]) -> Run:
    figures = dict(zip((*COUNTS, *SUMS), columns[11:], strict=True))
    return Run(**dict(zip(_OF_A_RUN, [*columns[:11], figures], strict=True)))


def _of(column: str, tenants: Iterable[str]) -> str:
    named = ", ".join(f"'{tenant}'" for tenant in tenants)
    return f"WHERE {column} IN ({named})" if named else ""


def _run(each: Execution, services: Mapping[tuple[str, str], str]) -> Run:
    first_call = min(each.calls, key=lambda call: (call.top.start, call.top.span_id), default=None)
    span = each.spans[0] if each.spans else first_call.top if first_call else None
    counts = [
        *(each.count("model"), each.count("model", failed=True), each.count("embedding")),
        *(each.count("tool"), each.count("tool", failed=True)),
        sum(cost_of_call(call).sources == UNPRICED for call in each.calls),
    ]
    tokens = [*map(each.own_usage.get, BUCKETS), each.embedding_usage.get("InputTokens")]
    return Run(
        kind=each.kind,
        status=each.status,
        started=each.started,
        ended=each.ended,
        agent_name=each.says("AgentName"),
        service_name=services[span.trace_id, span.span_id] if span else "",
        client_account_id=each.inherited["ClientAccountId"],
        engagement_id=each.inherited["EngagementId"],
        user=each.inherited["UserId"],
        session=each.inherited["SessionId"],
        confidence=float(each.says("ConfidenceScore")) if each.says("ConfidenceScore") else None,
        figures=dict(zip((*COUNTS, *SUMS), [*counts, *tokens, cost_of_execution(each).usd], strict=True)),
    )
