"""Calls that log records tell of: each counts where no span tells of it, and belongs to a run.

Coding agents send a record for each call, and spans only where these are turned on: then both tell of the same call. A
span of the same program tells of it where it is in the same trace, has the same response id, or is of the same session
and overlaps with it in time.
"""

import polars as pl

from spanhouse_schema.derive.rules.buckets import USAGE
from spanhouse_schema.derive.rules.columns import KIND, kind, said
from spanhouse_schema.derive.rules.duplicates import CLOCKS_NS

_PROGRAM = ["Tenant", "ServiceName", "SessionId"]
_LATEST_NS = 2**63 - 1 - CLOCKS_NS
# A call says these, its run does not.
_OF_CALL = (
    *("ErrorType", "ErrorMessage", "RequestModel", "ResponseId", "ServiceTier", "ToolName", "ToolCallId"),
    *("ToolArgumentsPreview", "ToolResultPreview"),
)


def parted(spans: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the spans, and the calls that log records tell of."""
    is_logged = spans["FromLog"]
    return (spans.filter(~is_logged), spans.filter(is_logged)) if is_logged.any() else (spans, spans.clear())


def with_logged(spans: pl.DataFrame, logged: pl.DataFrame, rivals: pl.DataFrame) -> pl.DataFrame:
    """Return the spans with the calls of log records that no span tells of, and with the runs that these are of.

    `rivals` are the spans and records of other traces that may tell of the same calls.
    """
    if logged.is_empty():
        return spans
    telling = pl.concat([spans.filter(pl.col("Kind") == "model"), rivals.filter(~pl.col("FromLog"))], how="diagonal")
    untold = _untold(logged.with_columns(pl.col("Kind").cast(pl.String).cast(KIND)), telling)
    calls, runs = _with_runs(untold, spans)
    return pl.concat([spans, calls, runs])


def _untold(logged: pl.DataFrame, telling: pl.DataFrame) -> pl.DataFrame:
    """Return the calls that no span tells of. If one tells of a model's call, others do of the tools' beside it."""
    in_trace = logged.join(telling.select("Trace", "ServiceName").unique(), on=["Trace", "ServiceName"], how="anti")
    responses = telling.filter(said("ResponseId")).select("Tenant", "ResponseId").unique()
    untold = in_trace.join(responses, on=["Tenant", "ResponseId"], how="anti")
    untold = untold.join(_overlapping(untold, telling), on=["Trace", "SpanId"], how="anti")
    is_model = pl.col("Kind") == "model"
    told = in_trace.filter(is_model).join(untold, on=["Trace", "SpanId"], how="anti")
    return untold.filter(is_model | ~pl.col("Trace").is_in(told["Trace"].implode()))


def _overlapping(logged: pl.DataFrame, telling: pl.DataFrame) -> pl.DataFrame:
    """Return the calls of models during which a span of the same session tells of one, as far as clocks can tell."""
    until = _end_ns() + CLOCKS_NS
    start = pl.col("StartedAt").to_physical()
    spans = telling.filter(said("SessionId")).select(*_PROGRAM, At=start, Until=until)
    latest = spans.sort("At").with_columns(pl.col("Until").cum_max().over(_PROGRAM))
    calls = logged.filter(pl.col("Kind") == "model").select("Trace", "SpanId", *_PROGRAM, At=until, Start=start)
    met = calls.sort("At").join_asof(latest, on="At", by=_PROGRAM, check_sortedness=False)
    return met.filter(pl.col("Until") >= pl.col("Start")).select("Trace", "SpanId")


def _end_ns() -> pl.Expr:
    return pl.col("EndedAt").fill_null(pl.col("StartedAt")).to_physical().clip(upper_bound=_LATEST_NS)


def _with_runs(calls: pl.DataFrame, spans: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the calls, and a run for each trace in which some have nothing above them, which lasts as long as they."""
    above = spans.select("Trace", ParentSpanId="SpanId").unique()
    key = ["Trace", "ParentSpanId"]
    orphans = calls.join(above, on=key, how="anti").with_columns(pl.col("ParentSpanId").min().over("Trace"))
    last = [pl.col(name).sort_by("EndedAt", "SpanId").last() for name in ("Failed", "Cancelled")]
    runs = (
        orphans.sort("StartedAt", "SpanId")
        .group_by("Trace", maintain_order=True)
        .agg(pl.exclude("EndedAt", "Failed", "Cancelled").first(), pl.col("EndedAt").max(), *last)
        .with_columns(
            Kind=kind("agent"),
            SpanId="ParentSpanId",
            ParentSpanId=pl.lit(b""),
            HasUnread=False,
            **dict.fromkeys(_OF_CALL, pl.lit(b"")),
            **dict.fromkeys((*USAGE, "UsageParts", "ReportedCostUSD"), pl.lit(None)),
        )
    )
    return pl.concat([calls.join(above, on=key, how="semi"), orphans]), runs.select(calls.columns).cast(calls.schema)
