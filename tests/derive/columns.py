"""Spans as the rules take them: columns, made of the oracle's spans and not of what a database says of them."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from spanhouse_schema.derive import price_catalogue
from spanhouse_schema.derive.prices import Pair
from spanhouse_schema.derive.rules.columns import PARTS
from spanhouse_schema.derive.rules.costs import PRICES
from spanhouse_schema.derive.rules.derivation import Derived, count, derive
from spanhouse_schema.derive.rules.duplicates import RIVALS
from tests.oracle.costs import reported
from tests.oracle.normalisation import NormalSpan
from tests.oracle.usage import parts
from tests.support.expected_executions import USAGE

_NANOSECONDS = pl.Datetime("ns", "UTC")
_TEXTS = (
    *("AgentId", "AgentName", "AgentVersion", "SessionId", "UserId", "ClientAccountId", "EngagementId", "CaseId"),
    *("FlowId", "Status", "StatusMessage", "WaitingFor", "Outcome", "ErrorType", "ErrorMessage", "Provider"),
    *("RequestModel", "ResponseModel", "ResponseId", "ToolName", "ToolCallId"),
    "ServiceTier",
)
_PREVIEWS = {
    "ToolArgumentsPreview": "ToolArguments",
    "ToolResultPreview": "ToolResult",
    "InputPreview": "Input",
    "OutputPreview": "Output",
}
_SCHEMA: dict[str, Any] = {
    "Tenant": pl.UInt32,
    "TraceId": pl.Binary,
    "SpanId": pl.Binary,
    "ParentSpanId": pl.Binary,
    "StartedAt": _NANOSECONDS,
    "EndedAt": _NANOSECONDS,
    "ServiceName": pl.Binary,
    "SpanName": pl.Binary,
    "ScopeName": pl.Binary,
    "Kind": pl.Binary,
    "FromLog": pl.Boolean,
    "AgentNamed": pl.Boolean,
    "Failed": pl.Boolean,
    "Cancelled": pl.Boolean,
    "ConfidenceScore": pl.Float64,
    "HasUnread": pl.Boolean,
    "UsageParts": PARTS,
    "ReportedCostUSD": pl.Decimal(18, 12),
    "SaysOk": pl.Boolean,
    "Signature": pl.UInt64,
    "Process": pl.UInt64,
    **dict.fromkeys(USAGE, pl.UInt64),
    **dict.fromkeys((*_TEXTS, *_PREVIEWS), pl.Binary),
}
_EVENT: dict[str, Any] = {
    "Trace": pl.UInt32,
    "Tenant": pl.UInt32,
    "Timestamp": _NANOSECONDS,
    "IngestedAt": pl.Datetime("ms", "UTC"),
    **dict.fromkeys(("TasksTotal", "TasksCompleted"), pl.UInt64),
    **dict.fromkeys(("Progress", "ExpiresInSeconds", "ConfidenceScore"), pl.Float64),
    **dict.fromkeys(
        ("EventId", "ExecutionId", "ParentExecutionId", "ServiceName", "Status", "StatusMessage"), pl.Binary
    ),
    **dict.fromkeys(("WaitingFor", "Outcome", "ErrorType", "ErrorMessage", "AgentId", "AgentName"), pl.Binary),
    **dict.fromkeys(("AgentVersion", "SessionId", "UserId", "ClientAccountId", "EngagementId", "CaseId"), pl.Binary),
    "FlowId": pl.Binary,
}


def derived(spans: Mapping[int, Iterable[NormalSpan]]) -> Derived:
    """What the spans of each tenant come to."""
    return derived_of(columns_of(spans))


def derived_of(columns: pl.DataFrame) -> Derived:
    """What spans come to, priced by the catalogue; no events, and nothing of other stretches."""
    counted = count(columns, pl.DataFrame(schema=_EVENT), pl.DataFrame(schema=RIVALS))
    found = derive(counted, _prices(counted.models), "UTC")
    traces = columns.select("Trace", "Tenant", "TraceId").unique()
    return Derived(*(rows.join(traces, on="Trace") for rows in found))


def columns_of(spans: Mapping[int, Iterable[NormalSpan]]) -> pl.DataFrame:
    """The spans of each tenant as rows of agent_spans, as far as the rules read them."""
    rows = [_row(span) | {"Tenant": tenant} for tenant, of_tenant in spans.items() for span in of_tenant]
    found = pl.DataFrame(rows, schema=_SCHEMA)
    return found.with_columns(Trace=pl.struct("Tenant", "TraceId").rank("dense").cast(pl.UInt32))


def repeated(span: NormalSpan, times: int, **columns: pl.Series | pl.Expr) -> pl.DataFrame:
    """One span so many times, but for these columns."""
    row = columns_of({0: [span]})
    return row.select(pl.all().repeat_by(times).explode()).with_columns(**columns)


def _row(span: NormalSpan) -> dict[str, Any]:
    texts = {name: span.said[name] for name in _TEXTS}
    texts |= {column: span.said[concept][:200] for column, concept in _PREVIEWS.items()}
    texts |= {"TraceId": span.trace_id, "SpanId": span.span_id, "ParentSpanId": span.parent_id, "Kind": span.kind}
    texts |= {"SpanName": span.name, "ScopeName": span.scope, "ServiceName": ""}
    texts["ErrorMessage"] = texts["ErrorMessage"][:1000]
    return {
        **{name: text.encode() for name, text in texts.items()},
        **{column: span.reported.told.get(concept) for column, concept in USAGE.items()},
        "StartedAt": span.start,
        "EndedAt": span.end,
        "FromLog": False,
        "AgentNamed": span.named,
        "Failed": span.failed,
        "Cancelled": span.cancelled,
        "ConfidenceScore": None,
        "HasUnread": bool(span.reported.unread),
        "UsageParts": {name.encode(): count for name, count in parts(span.reported).items()},
        "ReportedCostUSD": reported(span),
        "Signature": hash((span.scope, span.name.replace(span.said["RequestModel"] or "\0", "", 1))) % 2**64,
        "Process": hash(span.process) % 2**64,
        "SaysOk": span.says_ok,
    }


def _prices(models: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {
            "Tenant": tenant,
            "Provider": provider,
            "Model": model,
            "ValidFrom": price.valid_from,
            "FromSecond": price.from_second,
            "UntilSecond": price.until_second,
            "AboveTokens": price.above_tokens,
            **dict(zip(list(PRICES)[-len(price.usd) :], price.usd, strict=True)),
        }
        for tenant, provider, model in models.rows()
        for price in sorted(
            (row.price for row in price_catalogue.rows_of([Pair(b"", provider, model)])), key=lambda price: price.key
        )
    ]
    return pl.DataFrame(rows, schema=PRICES)
