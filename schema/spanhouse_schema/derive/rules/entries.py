"""The entries of the ledger: what an execution counts for, and on which days.

A run counts wholly on the day on which it began; what it spent counts on the days on which its calls began.
"""

from math import log

import polars as pl

from spanhouse_schema.derive.rules.columns import EXECUTION, RUNS, said
from spanhouse_schema.derive.rules.outcomes import lasted_ns
from spanhouse_schema.derive.rules.usage import days, spent

# A duration lies within 1 % of the middle of its bucket.
_WIDTH = 1.02
_NO_TIME = -(2**15)
_WHOSE = ("AgentName", "UserId", "SessionId")
_OF_RUN = (*_WHOSE, "ServiceName", "ClientAccountId", "EngagementId", "ToolCalls", "FailedToolCalls", "Usage")
_NULLABLE = ("DurationNs", "ConfidenceScore")


def entries(calls: pl.DataFrame, executions: pl.DataFrame, used: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return the entries of executions, whose `Usage` is in `used`, in the columns of daily_ledger, with `Trace`."""
    runs = _runs(executions.join(used, on=EXECUTION, how="left", maintain_order="left"), timezone)
    return filled(pl.concat([runs, _spend(calls, executions, timezone)], how="diagonal", rechunk=True))


def filled(some: pl.DataFrame) -> pl.DataFrame:
    """Return entries in which nothing stands where only those of another kind have something."""
    known = pl.selectors.exclude(_NULLABLE)
    return some.with_columns(
        (pl.selectors.binary() & known).fill_null(b""),
        (pl.selectors.boolean() & known).fill_null(False),
        (pl.selectors.integer() & known).fill_null(0),
        (pl.selectors.list() & known).fill_null([]),
    )


def _runs(executions: pl.DataFrame, timezone: str) -> pl.DataFrame:
    is_task = pl.col("Kind").is_in(RUNS)
    # One that 64 bits cannot hold is unknown.
    duration_ns = lasted_ns().cast(pl.Int64, strict=False)
    return executions.with_columns(IsTask=is_task, DurationNs=pl.when(is_task).then(duration_ns)).select(
        *EXECUTION,
        *_OF_RUN,
        "IsTask",
        "DurationNs",
        Entry=pl.lit(b"run"),
        Day=days(executions["StartedAt"], timezone),
        Status=pl.when("IsTask").then("Status").otherwise(b""),
        DurationBucket=_bucket(),
        ConfidenceScore=pl.when("IsTask").then("ConfidenceScore").cast(pl.Decimal(38, 12), strict=False),
    )


def _bucket() -> pl.Expr:
    """Return the logarithm of a duration in milliseconds, to the base of a bucket's width."""
    number = ((pl.col("DurationNs") / 1e6).log() / log(_WIDTH)).ceil()
    return pl.when(pl.col("DurationNs") > 0).then(number).when(pl.col("DurationNs") <= 0).then(_NO_TIME).cast(pl.Int16)


def _spend(calls: pl.DataFrame, executions: pl.DataFrame, timezone: str) -> pl.DataFrame:
    is_run = pl.col("Kind").is_in(RUNS)
    whose = executions.select(*EXECUTION, *_WHOSE, "ParentExecutionId", IsRun=is_run)
    runs = (pl.col("BeginsThen") & pl.col("IsRun")).cast(pl.UInt8)
    return (
        spent(calls, executions, timezone)
        .join(whose, on=EXECUTION, maintain_order="left")
        .with_columns(Entry=pl.lit(b"spend"), Runs=runs, Invocations=runs * ~said("ParentExecutionId"))
        .drop("BeginsThen", "IsRun", "ParentExecutionId")
    )
