"""The usage and the spend of executions themselves, by day and model. A call counts on the day on which it began."""

from zoneinfo import ZoneInfo

import polars as pl

from spanhouse_schema.derive.rules.columns import (
    EXECUTION,
    MODELS,
    TOKENS,
    UNPRICED,
    as_tokens,
    calls_by_kind,
    kind,
    sum_known,
)
from spanhouse_schema.derive.rules.costs import UNIT

# Behind it Polars knows of no summer times.
_LAST_YEAR = 2099
_COLUMNS = ("Kind", "Failed", "StartedAt", "Provider", "Model", "CostUSD", "CostSources", *TOKENS)


def days(times: pl.Series, timezone: str) -> pl.Series:
    """Return the days of some times (UTC, ns) in a time zone, as ClickHouse counts them."""
    found = times.dt.cast_time_unit("us").dt.convert_time_zone(timezone).dt.date()
    late = (times.dt.year() > _LAST_YEAR).arg_true()
    if len(late):
        zone = ZoneInfo(timezone)
        found = found.scatter(late, [time.astimezone(zone).date() for time in times.gather(late)])
    return found


def usage(calls: pl.DataFrame, executions: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return of each execution that used anything `Usage`: what, a day and a model.

    That is what its calls used, or what its own span says of them in sum.
    """
    called = calls.filter(pl.col("Kind").is_in(MODELS) | (pl.col("CostSources") > 0)).select(*EXECUTION, *_COLUMNS)
    told = executions.filter(pl.col("TellsItself") | pl.col("TellsItsCost")).select(
        *EXECUTION,
        *("StartedAt", "Provider", "Model"),
        # Not a call: neither failed nor unpriced.
        Failed=False,
        CostSources=pl.lit(0, dtype=calls.schema["CostSources"]),
        Kind=kind("agent"),
        CostUSD=pl.when("TellsItsCost").then("CostUSD"),
        **{name: pl.when("TellsItself").then(name) for name in TOKENS},
    )
    is_embedding = pl.col("Kind") == "embedding"
    group = [*EXECUTION, "Day", "Provider", "Model"]
    tokens = {name: as_tokens(sum_known(pl.when(~is_embedding).then(name))) for name in TOKENS}
    both = pl.concat([called, told], how="diagonal")
    by_model = (
        both.with_columns(Day=days(both["StartedAt"], timezone))
        .group_by(group)
        .agg(
            **calls_by_kind(),
            **tokens,
            EmbeddingTokens=as_tokens(sum_known(pl.when(is_embedding).then("InputTokens"))),
            CostUSD=sum_known(pl.col("CostUSD")) * UNIT,
        )
        .sort(group)
    )
    used = [name for name in by_model.columns if name not in EXECUTION]
    return by_model.group_by(EXECUTION, maintain_order=True).agg(Usage=pl.struct(used))


def spent(calls: pl.DataFrame, executions: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return what each execution itself spent on each day, and a row for the day on which it began in any case.

    `Spent` is when, and what, for all that has a price; `Unpriced` is how much has none. What counts is what counts in
    its CostUSD.
    """
    column = (*EXECUTION, "StartedAt", "CostUSD", "CostSources")
    of_calls = calls.filter(pl.col("CostSources") > 0).select(*column, Begins=False)
    own = executions.select(
        *EXECUTION,
        "StartedAt",
        CostUSD=pl.when("TellsItsCost").then("CostUSD"),
        CostSources=pl.when("TellsItsCost").then("CostSources").otherwise(0).cast(calls.schema["CostSources"]),
        Begins=True,
    )
    has_price = pl.col("CostUSD").is_not_null()
    moment = pl.struct("At", CostUSD=pl.col("CostUSD") * UNIT)
    both = pl.concat([of_calls, own])
    return (
        both.with_columns(
            Day=days(both["StartedAt"], timezone),
            At=(pl.col("StartedAt").dt.epoch("s") * 1000).cast(pl.Datetime("ms", "UTC")),
        )
        .sort("At", "CostUSD")
        .group_by(*EXECUTION, "Day", maintain_order=True)
        .agg(
            BeginsThen=pl.col("Begins").any(),
            Spent=moment.filter(has_price),
            Unpriced=(pl.col("CostSources") == UNPRICED).sum().cast(pl.UInt32),
        )
    )
