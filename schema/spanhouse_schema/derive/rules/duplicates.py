"""The calls that another span tells of better, and which therefore do not count.

Two instrumentations may tell of one call, beside each other or in two traces. Of a response that has an id, ids alone
do not say so, because tests and caches answer with constants: model, usage and time must agree too, and what one
instrumentation tells twice are two calls. A failed call has no response: there the other's span must be around it in
time, beside it.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from spanhouse_schema.derive.rules.ancestors import Flags, Indices, neighbours
from spanhouse_schema.derive.rules.columns import Columns, first_said, said

CLOCKS_NS = 2_000_000_000
"""By so much two processes may differ that tell of one response, in nanoseconds."""
# A telling is compared with so many of the same response that began before it, and so many that began after.
_MOST_COMPARED = 100
_LATEST_NS = 2**63 - 1
_RESPONSE = ["Tenant", "ResponseId"]
_TELLS_OF_ONE = pl.col("CallRow").is_not_null() & (pl.col("Kind") == "model") & said("ResponseId")
RIVALS: Columns = {
    "Tenant": pl.UInt32,
    "ResponseId": pl.Binary,
    "TraceId": pl.Binary,
    "SpanId": pl.Binary,
    "IsRoot": pl.Boolean,
    "Signature": pl.UInt64,
    "StartedAt": pl.Datetime("ns", "UTC"),
    "EndedAt": pl.Datetime("ns", "UTC"),
    "Model": pl.Binary,
    "InputTokens": pl.UInt64,
    "OutputTokens": pl.UInt64,
}
"""The columns of the spans of other traces that tell of a response."""


def told_better(spans: pl.DataFrame, rivals: pl.DataFrame) -> pl.Series:
    """Return the `CallRow` of each call that does not count. `rivals` are the spans of traces that are not derived."""
    return pl.concat([_responses(spans, rivals), _failures(spans)]).unique()


def _responses(spans: pl.DataFrame, rivals: pl.DataFrame) -> pl.Series:
    contested = _contested(spans, rivals)
    if contested.is_empty():
        return pl.Series(dtype=pl.UInt32)
    tellings = _tellings(spans.join(contested, on=_RESPONSE, how="semi").filter(_TELLS_OF_ONE), rivals)
    column = {name: tellings[name].to_numpy() for name in tellings.columns}
    # The last times there are have nothing behind them.
    starts, ends = column["Start"], np.minimum(column["End"], _LATEST_NS - CLOCKS_NS) + CLOCKS_NS
    lost: list[Indices] = []
    for own, other in neighbours(column["Response"], _MOST_COMPARED):
        agree = column["IsFirst"][own] & (column["Place"][other] < column["Place"][own])
        agree &= column["TopRow"][other] != column["TopRow"][own]
        agree &= (starts[own] <= ends[other]) & (starts[other] <= ends[own])
        for name in ("Model", "InputTokens", "OutputTokens"):
            agree &= _may_equal(column[name][own], column[name][other])
        better = own[agree][~_is_told_by(own[agree], other[agree], column)]
        lost.append(column["CallRow"][better])
    return pl.Series(np.concatenate(lost) if lost else [], dtype=pl.UInt32)


def _contested(spans: pl.DataFrame, rivals: pl.DataFrame) -> pl.DataFrame:
    """Return the responses that several spans tell of."""
    told = spans.select(pl.col(_RESPONSE).filter(_TELLS_OF_ONE))
    return pl.concat([told.filter(told.is_duplicated()), rivals.select(_RESPONSE)]).unique()


def _tellings(contested: pl.DataFrame, rivals: pl.DataFrame) -> pl.DataFrame:
    """Return the spans that tell of contested responses, with their rivals, those of a response together, by time."""
    told = contested.select(
        "Tenant",
        "ResponseId",
        "TraceId",
        "SpanId",
        "Signature",
        "StartedAt",
        "CallRow",
        "TopRow",
        IsRoot=pl.col("ParentSpanId") == b"",
        EndedAt=pl.col("EndedAt").fill_null(pl.col("StartedAt")),
        Model=first_said(["ResponseModel", "RequestModel"]),
        InputTokens=_sum("InputTokens", "CacheReadTokens", "CacheWriteTokens"),
        OutputTokens=_sum("OutputTokens", "ReasoningTokens"),
    )
    both = pl.concat([told, rivals.join(told, on=_RESPONSE, how="semi")], how="diagonal_relaxed")
    return (
        both.sort("IsRoot", "StartedAt", "TraceId", "SpanId")
        .with_row_index("Place")
        .select(
            "Place",
            pl.struct(_RESPONSE).rank("dense").alias("Response"),
            pl.col("CallRow", "TopRow").cast(pl.Int64).fill_null(-1),
            "Signature",
            Start=pl.col("StartedAt").to_physical(),
            End=pl.col("EndedAt").to_physical(),
            Model=pl.when(said("Model")).then(pl.col("Model").rank("dense")).otherwise(0),
            InputTokens="InputTokens",
            OutputTokens="OutputTokens",
            IsFirst=pl.col("CallRow").is_not_null() & pl.struct(*_RESPONSE, "CallRow").is_first_distinct(),
        )
        .sort("Response", "Start", "Place")
    )


def _sum(*names: str) -> pl.Expr:
    return pl.sum_horizontal(pl.col(name).fill_null(0) for name in names)


def _may_equal(one: Indices, other: Indices) -> Flags:
    """Whether both say the same, or one of them nothing."""
    agree: Flags = (one == 0) | (other == 0) | (one == other)
    return agree


def _is_told_by(own: Indices, other: Indices, column: Mapping[str, Indices]) -> Flags:
    """Whether a span of the own call, too, is of the other's instrumentation."""
    key = ["Response", "CallRow", "Signature"]
    known = pl.DataFrame({name: column[name] for name in key}).unique().with_columns(IsOwn=True)
    asked = pl.DataFrame([column["Response"][own], column["CallRow"][own], column["Signature"][other]], schema=key)
    found = asked.join(known, on=key, how="left", maintain_order="left")["IsOwn"]
    told: Flags = found.fill_null(False).to_numpy()
    return told


def _failures(spans: pl.DataFrame) -> pl.Series:
    beside = ["Trace", "ParentSpanId", "RequestModel"]
    failed = spans.filter(
        (pl.col("CallRow") == pl.col("Row"))
        & (pl.col("Kind") == "model")
        & pl.col("Failed")
        & ~said("ResponseId")
        & said("RequestModel")
    ).select(*beside, "ScopeName", "StartedAt", "EndedAt", "CallRow")
    # More of them are a loop that fails on and on, not two instrumentations.
    few = failed.filter(
        (pl.col("ScopeName").n_unique().over(beside) > 1) & (pl.len().over(beside) <= _MOST_COMPARED)
    ).sort(beside)
    if few.is_empty():
        return pl.Series(dtype=pl.UInt32)
    groups, scopes = (
        few.select(pl.struct(names).rank("dense")).to_series().to_numpy() for names in (beside, ["ScopeName"])
    )
    starts = few["StartedAt"].to_physical().to_numpy()
    # One that has not ended is around nothing, and within nothing.
    around = few["EndedAt"].to_physical().fill_null(-(2**63)).to_numpy()
    within = few["EndedAt"].to_physical().fill_null(_LATEST_NS).to_numpy()
    lost = [
        own[(scopes[other] != scopes[own]) & (starts[other] < starts[own]) & (around[other] >= within[own])]
        for own, other in neighbours(groups, _MOST_COMPARED)
    ]
    return few["CallRow"][np.concatenate(lost)] if lost else pl.Series(dtype=pl.UInt32)
