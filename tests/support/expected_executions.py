"""What the tables say of a tenant's spans, executions and calls, and what the oracle says, as rows to be compared."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spanhouse_schema import Database
from tests.oracle import Call, Execution, NormalSpan, derive, normalise
from tests.oracle.costs import UNPRICED, added, cost_of_call, cost_of_execution, source
from tests.oracle.usage import BUCKETS, parts
from tests.reference import Row

Rows = dict[tuple[str, str], dict[str, Any]]

_SAID = (
    *("AgentId", "AgentName", "AgentVersion", "SessionId", "UserId", "ClientAccountId", "EngagementId", "CaseId"),
    *("FlowId", "Status", "StatusMessage", "WaitingFor", "Outcome", "ErrorType", "Provider", "RequestModel"),
    *("ResponseModel", "ResponseId", "ToolName", "ToolCallId"),
)
USAGE = {
    "InputTokens": "UncachedInputTokens",
    "CacheReadTokens": "CacheReadTokens",
    "CacheWriteTokens": "CacheWriteTokens",
    "OutputTokens": "UnreasonedOutputTokens",
    "ReasoningTokens": "ReasoningTokens",
    "WholeInputTokens": "InputTokens",
    "WholeOutputTokens": "OutputTokens",
    "TotalTokens": "TotalTokens",
}
"""Columns of agent_spans, and the concepts that they hold."""
_PREVIEWS = {"InputPreview": "Input", "OutputPreview": "Output"}
_TOOL_PREVIEWS = {"ToolArgumentsPreview": "ToolArguments", "ToolResultPreview": "ToolResult"}
_INHERITED = ("SessionId", "UserId", "ClientAccountId", "EngagementId", "CaseId", "FlowId")
_OF_CALLS = ("Provider", "RequestModel", "ResponseModel", "ResponseId", "ToolName", "ToolCallId", "ErrorType")
_COUNTS: Mapping[str, Callable[[Execution], int]] = {
    "ModelCalls": lambda each: each.count("model"),
    "FailedModelCalls": lambda each: each.count("model", failed=True),
    "EmbeddingCalls": lambda each: each.count("embedding"),
    "ToolCalls": lambda each: each.count("tool"),
    "FailedToolCalls": lambda each: each.count("tool", failed=True),
    "Retries": lambda each: sum(call.retries for call in each.calls),
}
_DOUBTS = ("InputTokensInconsistent", "OutputTokensInconsistent")
_EPOCH_COLUMNS = ("StartedAt", "EndedAt")


def stored_spans(database: Database, tenant: str) -> Rows:
    """What `agent_spans` says of a tenant's spans."""
    columns = [*_SAID, "ErrorMessage", *_PREVIEWS, *_TOOL_PREVIEWS, *USAGE]
    columns += [
        "ParentSpanId",
        "Kind",
        "StartedAt",
        "EndedAt",
        "Failed",
        "Cancelled",
        "SaysOk",
        "AgentNamed",
        "ServiceTier",
        "UsageParts",
        "UnreadUsage",
    ]
    return _read(database, "agent_spans", "SpanId", columns, [tenant])[tenant]


def expected_spans(rows: Iterable[Row]) -> Rows:
    """What `agent_spans` must say of these rows."""
    return {(span.trace_id, span.span_id): _span(span) for row in rows if (span := normalise(row))}


def stored_executions(database: Database, tenant: str) -> Rows:
    """A tenant's executions."""
    return executions_of(database, [tenant])[tenant]


def stored_calls(database: Database, tenant: str) -> Rows:
    """A tenant's calls."""
    return calls_of(database, [tenant])[tenant]


def executions_of(database: Database, tenants: Iterable[str]) -> dict[str, Rows]:
    """The executions of each tenant."""
    columns = ["ParentExecutionId", "RootExecutionId", "MergedIds", "Kind", "AgentName", "Status", *_INHERITED]
    columns += [*_EPOCH_COLUMNS, "ErrorType", "ErrorMessage"]
    figures = [*_COUNTS, *BUCKETS, "EmbeddingTokens", "CostUSD", "CostSource", "UnpricedCalls"]
    columns += [*figures, *(f"Total{name}" for name in figures)]
    return _read(database, "agent_executions FINAL", "ExecutionId", columns, tenants)


def calls_of(database: Database, tenants: Iterable[str]) -> dict[str, Rows]:
    """The calls of each tenant."""
    columns = ["MergedIds", "Kind", "ExecutionId", "RootExecutionId", "AgentName", "SessionId", "UserId", "Success"]
    columns += [*_EPOCH_COLUMNS, *_OF_CALLS, "Retries", *BUCKETS, *_DOUBTS, "UsageParts", "CostUSD", "CostSource"]
    return _read(database, "agent_calls FINAL", "SpanId", columns, tenants)


def expected(rows: Iterable[Row]) -> tuple[Rows, Rows]:
    """What executions and calls must come from these rows."""
    executions, calls = derive(span for row in rows if (span := normalise(row)))
    return (
        {key: _execution(each) for key, each in executions.items()},
        {key: _call(each, executions[each.trace_id, each.execution_id]) for key, each in calls.items()},
    )


def assert_settled(database: Database, tenant: str, rows: Iterable[Row]) -> None:
    """The tenant's executions and calls are what the oracle says of these rows."""
    assert_all_settled(database, {tenant: rows})


def assert_all_settled(database: Database, rows: Mapping[str, Iterable[Row]]) -> None:
    """The same of several tenants, all of whose rows are read at once."""
    wanted = {tenant: expected(of_tenant) for tenant, of_tenant in rows.items()}
    assert_equal(_flat(executions_of(database, rows)), _flat({of: each[0] for of, each in wanted.items()}))
    assert_equal(_flat(calls_of(database, rows)), _flat({of: each[1] for of, each in wanted.items()}))


def assert_equal(found: Mapping[Any, Mapping[str, Any]], wanted: Mapping[Any, Mapping[str, Any]]) -> None:
    """Both are the same, or the differences are named."""
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    assert not missing, f"missing: {missing[:5]}"
    assert not extra, f"too many: {extra[:5]}"
    different = [
        f"{key} {column}: expected {value!r}, found {found[key][column]!r}"
        for key, row in wanted.items()
        for column, value in row.items()
        if found[key][column] != value
    ]
    assert not different, "\n".join(different[:10])


def _flat(rows: Mapping[str, Rows]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {(tenant, *key): row for tenant, of_tenant in rows.items() for key, row in of_tenant.items()}


def _read(
    database: Database, table: str, id_column: str, columns: list[str], tenants: Iterable[str]
) -> dict[str, Rows]:
    exact = [_nanoseconds(name) if name in _EPOCH_COLUMNS else name for name in columns]
    found: dict[str, Rows] = {tenant: {} for tenant in tenants}
    for tenant, trace_id, id_, *row in database.rows(
        f"SELECT TenantId, TraceId, {id_column}, {', '.join(exact)} FROM spanhouse.{table} "
        "WHERE TenantId IN {tenants:Array(String)}",
        parameters={"tenants": list(found)},
    ):
        found[tenant][trace_id, id_] = dict(zip(columns, row, strict=True))
    return found


def _nanoseconds(column: str) -> str:
    return f"if(isNull({column}), NULL, toUnixTimestamp64Nano(assumeNotNull({column})))"


def _span(span: NormalSpan) -> dict[str, Any]:
    tool = {column: span.said[name][:200] if span.kind == "tool" else "" for column, name in _TOOL_PREVIEWS.items()}
    return {
        **{concept: span.said[concept] for concept in _SAID},
        **{column: span.said[concept][:200] for column, concept in _PREVIEWS.items()},
        **tool,
        **{column: span.reported.told.get(concept) for column, concept in USAGE.items()},
        "ErrorMessage": span.said["ErrorMessage"][:1000],
        "ParentSpanId": span.parent_id,
        "Kind": span.kind,
        "StartedAt": span.start,
        "EndedAt": span.end,
        "Failed": span.failed,
        "Cancelled": span.cancelled,
        "SaysOk": span.says_ok,
        "AgentNamed": span.named,
        "ServiceTier": span.said["ServiceTier"],
        "UsageParts": parts(span.reported),
        "UnreadUsage": [{"Name": name, "Tokens": count} for name, count in span.reported.unread],
    }


def _execution(each: Execution) -> dict[str, Any]:
    own = _figures([each])
    return {
        "ParentExecutionId": each.parent_id,
        "RootExecutionId": each.root_id,
        "MergedIds": sorted(span.span_id for span in each.spans[1:]),
        "Kind": each.kind,
        "AgentName": each.says("AgentName"),
        "Status": each.status,
        **each.inherited,
        "StartedAt": each.started,
        "EndedAt": each.ended,
        "ErrorType": each.error("ErrorType"),
        "ErrorMessage": each.error("ErrorMessage")[:1000],
        **own,
        **{f"Total{name}": value for name, value in _figures(each.below).items()},
    }


def _figures(executions: list[Execution]) -> dict[str, Any]:
    """What these did together; None is unknown."""
    counts = {name: sum(map(count, executions)) for name, count in _COUNTS.items()}
    tokens = {bucket: _total(each.own_usage.get(bucket) for each in executions) for bucket in BUCKETS}
    embedded = _total(each.embedding_usage.get("InputTokens") for each in executions)
    cost = added(map(cost_of_execution, executions))
    unpriced = [call for each in executions for call in each.calls if cost_of_call(call).sources == UNPRICED]
    costs = {"CostUSD": cost.usd, "CostSource": source(cost.sources), "UnpricedCalls": len(unpriced)}
    return {**counts, **tokens, "EmbeddingTokens": embedded, **costs}


def _total(numbers: Iterable[int | None]) -> int | None:
    told = [number for number in numbers if number is not None]
    return sum(told) if told else None


def _call(call: Call, execution: Execution) -> dict[str, Any]:
    return {
        "MergedIds": sorted(span.span_id for span in call.spans[1:]),
        "Kind": call.top.kind,
        "ExecutionId": call.execution_id,
        "RootExecutionId": execution.root_id,
        "AgentName": execution.says("AgentName"),
        "SessionId": call.says("SessionId") or execution.inherited["SessionId"],
        "UserId": call.says("UserId") or execution.inherited["UserId"],
        "Success": not call.failed,
        "StartedAt": call.top.start,
        "EndedAt": call.top.end,
        **{concept: call.says(concept) for concept in _OF_CALLS},
        "Retries": call.retries,
        **{bucket: call.usage.get(bucket) for bucket in BUCKETS},
        **{doubt: doubt.removesuffix("Inconsistent") in call.teller.use.doubts for doubt in _DOUBTS},
        "UsageParts": call.parts,
        "CostUSD": cost_of_call(call).usd,
        "CostSource": source(cost_of_call(call).sources),
    }
