"""The calls and runs that count, each told by one span or by several together, the outermost first."""

import polars as pl

from spanhouse_schema.derive.rules.buckets import DOUBTS
from spanhouse_schema.derive.rules.columns import MODELS, OWNERS, RUNS, TOKENS, kind, kinds_told, parts_told, said

_TEXTS = (
    *("ServiceName", "AgentId", "AgentName", "AgentVersion", *OWNERS, "Status", "StatusMessage", "WaitingFor"),
    *("Outcome", "ErrorType", "ErrorMessage", "Provider", "RequestModel", "ResponseModel", "ResponseId", "ToolName"),
    "ServiceTier",
    *("ToolCallId", "ToolArgumentsPreview", "ToolResultPreview", "InputPreview", "OutputPreview"),
)
_OF_TOP = (
    *("Trace", "Tenant", "SpanId", "ParentSpanId", "ParentExecutionId", "ExecutionId", "RootId", "Kind"),
    *("StartedAt", "EndedAt", "SaysOk"),
)
_COLUMNS = (
    *("CountedRow", "MergedIds", *_OF_TOP, "Failed", "Cancelled", "AgentNamed", "Retries", "ConfidenceScore", *TOKENS),
    *(*DOUBTS, "UsageParts", "HasUnread", "ReportedCostUSD", *_TEXTS),
)
# What one span alone says nothing of.
_OF_SEVERAL = {"MergedIds": pl.lit([], dtype=pl.List(pl.Binary)), "Retries": pl.lit(0, dtype=pl.UInt32)}


def counted_calls(spans: pl.DataFrame, lost: pl.Series) -> pl.DataFrame:
    """Return the calls; `SpanId` is the id of each, and `lost` are those that do not count."""
    tellings = spans.with_columns(CountedRow="CallRow").filter(
        pl.col("CallRow").is_not_null() & ~pl.col("CallRow").is_in(lost.implode())
    )
    return _together(tellings)


def counted_runs(spans: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Return the runs that have a span; `SpanId` is the id of each.

    A chain is one only where it is topmost and something that counts is below it (a workflow then); the root of a
    trace, where nothing else is above a call (`implicit`).
    """
    is_run = pl.col("Kind").is_in(RUNS)
    below = pl.concat(
        [
            calls.select("Trace", SpanId="ExecutionId"),
            spans.filter(is_run & said("ParentExecutionId")).select("Trace", SpanId="ParentExecutionId"),
        ]
    ).unique()
    others = spans.join(below, on=["Trace", "SpanId"], how="semi").filter(~is_run)
    tellings = pl.concat(
        [spans.filter(is_run).with_columns(CountedRow="TopRow"), others.with_columns(CountedRow="Row")]
    )
    is_chain = pl.col("Kind") == "chain"
    return (
        _together(tellings)
        .with_columns(
            Kind=pl.when(is_run).then("Kind").when(is_chain).then(kind("workflow")).otherwise(kind("implicit")),
            ExecutionId="SpanId",
        )
        .with_columns(ParentExecutionId=pl.when(is_run).then("ParentExecutionId").otherwise(pl.lit(b"")))
    )


def _together(tellings: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each thing: all that its spans say together."""
    is_several = tellings["CountedRow"].is_duplicated()
    if not is_several.any():
        return _alone(tellings)
    one, several = _alone(tellings.filter(~is_several)), _merged(tellings.filter(is_several))
    return pl.concat([one, several.select(one.columns)])


def _alone(tellings: pl.DataFrame) -> pl.DataFrame:
    return tellings.select(
        *(name for name in _COLUMNS if name not in _OF_SEVERAL),
        *(value.alias(name) for name, value in _OF_SEVERAL.items()),
    )


def _merged(tellings: pl.DataFrame) -> pl.DataFrame:
    is_top = pl.col("Row") == pl.col("CountedRow")
    in_order = tellings.with_columns(IsTop=is_top, Told=kinds_told())
    in_order = in_order.sort("CountedRow", ~pl.col("IsTop"), "StartedAt", "SpanId")
    of_top = pl.col("Kind").first()
    # What fails within a run that says OK has been dealt with there.
    is_fine = of_top.is_in(RUNS) & pl.col("SaysOk").first() & ~pl.col("Failed").first()
    # The usage of the span that tells most of it, of equals the outermost, else the earliest.
    most = pl.col("Told").arg_max()
    return in_order.group_by("CountedRow", maintain_order=True).agg(
        *(pl.col(name).first() for name in _OF_TOP),
        *(pl.col(name).get(most) for name in (*TOKENS, *DOUBTS)),
        # One telling may know more kinds of tokens, and another one their parts.
        pl.col("UsageParts").get(parts_told().arg_max()),
        *(pl.when(said(name)).then(name).first(ignore_nulls=True).fill_null(b"") for name in _TEXTS),
        pl.col("ConfidenceScore").first(ignore_nulls=True),
        # Zero is often said by who does not know.
        pl.coalesce(
            pl.col("ReportedCostUSD").filter(pl.col("ReportedCostUSD") > 0).first(),
            pl.col("ReportedCostUSD").first(ignore_nulls=True),
        ),
        *(pl.col(name).any() for name in ("AgentNamed", "HasUnread")),
        Cancelled=pl.col("Cancelled").any() & ~is_fine,
        # Of a tool's spans an inner one may be the only one that says so; a model's outer span knows of its retries.
        Failed=pl.when(of_top.is_in(MODELS))
        .then(pl.col("Failed").first())
        .otherwise(pl.col("Failed").any() & ~is_fine),
        Retries=pl.when(of_top == "model")
        .then(pl.max_horizontal(pl.col("IsInnermost").sum().cast(pl.Int64), 1) - 1)
        .otherwise(0)
        .cast(pl.UInt32),
        MergedIds=pl.col("SpanId").filter(~pl.col("IsTop")).sort(),
    )
