"""How each execution ended: its kind, whose it is, status, times, errors, and what it used itself."""

from decimal import Decimal

import polars as pl

from spanhouse_schema.derive.rules.columns import FINAL, OWNERS, TOKENS, as_tokens, first_said, kind, said
from spanhouse_schema.derive.rules.lineage import Lineage

_IS_FINAL = pl.col("SaidStatus").is_in(FINAL)
_CALLS = pl.col("ModelCalls") + pl.col("EmbeddingCalls") + pl.col("ToolCalls")


def with_outcomes(
    executions: pl.DataFrame, lineage: Lineage, owners: tuple[pl.DataFrame, pl.DataFrame]
) -> pl.DataFrame:
    """Return the executions in the columns in which they are stored, but for their totals.

    `TellsItself` and `TellsItsCost` say that its own span tells an execution's usage, or its cost. That counts only
    where nothing below it says anything.
    """
    return (
        executions.pipe(_with_those_below, lineage)
        .pipe(_with_kind)
        .pipe(_with_owners, *owners)
        .pipe(_with_status)
        .pipe(_with_times)
        .pipe(_with_errors)
        .pipe(_with_usage)
    )


def _with_those_below(executions: pl.DataFrame, lineage: Lineage) -> pl.DataFrame:
    flags = executions.select(pl.col("Reports", "HasCost").cast(pl.UInt32))
    below = lineage.totals(flags)
    return (
        executions.with_columns(
            RootExecutionId=executions["ExecutionId"].gather(lineage.roots),
            BelowReports=below["Reports"] > flags["Reports"],
            BelowHasCost=below["HasCost"] > flags["HasCost"],
        )
        .with_row_index("Row")
        .join(_children(executions, lineage), on="Row", how="left", maintain_order="left")
        .with_columns(
            pl.col("Children").fill_null(0),
            pl.col("LastChildFailed").fill_null(False),
            pl.col("LastChildErrorType", "LastChildErrorMessage").fill_null(b""),
        )
        .drop("Row")
    )


def _children(executions: pl.DataFrame, lineage: Lineage) -> pl.DataFrame:
    """Return of each execution with others right below it how many these are, and how the last of them ended."""
    below = executions.with_columns(Row=lineage.parents).filter(pl.col("Row").is_not_null())
    in_order = below.sort("EndedAt", "ExecutionId", nulls_last=False)
    last = {f"LastChild{name}": pl.col(name).last() for name in ("ErrorType", "ErrorMessage")}
    has_failed = pl.col("Failed") & ~pl.col("Cancelled")
    return in_order.group_by("Row").agg(Children=pl.len(), LastChildFailed=has_failed.last(), **last)


def _with_kind(executions: pl.DataFrame) -> pl.DataFrame:
    # A span that runs agents and calls nothing is no agent, unless it has an agent's name and is called by something.
    is_wrapper = (pl.col("Kind") == "agent") & (pl.col("Children") > 0) & (_CALLS == 0)
    is_wrapper &= ~said("ParentSpanId") | ~pl.col("AgentNamed")
    is_unnamed = pl.col("Kind").is_null() | (pl.col("Kind") == "implicit")
    named = pl.when(is_wrapper).then(kind("workflow")).when(pl.col("IsDeclared") & is_unnamed).then(kind("agent"))
    return executions.with_columns(
        Kind=named.otherwise(pl.col("Kind").fill_null("implicit")),
        # What frameworks wrap around a run says OK however that ended.
        SaysOk=pl.col("SaysOk") & ~is_wrapper,
        ServiceName=pl.when("HasSpan")
        .then("ServiceName")
        .otherwise(first_said(["CallServiceName", "SaidServiceName"])),
        **{name: first_said([name, f"Said{name}"]) for name in ("AgentId", "AgentName", "AgentVersion")},
    )


def _with_owners(executions: pl.DataFrame, near: pl.DataFrame, far: pl.DataFrame) -> pl.DataFrame:
    """Add the owners: as its own span says, then as was said of it, then as its spans say, then any of the trace."""
    joined = executions.join(near, on=["Trace", "ExecutionId"], how="left", maintain_order="left", suffix="Near").join(
        far, on="Trace", how="left", maintain_order="left", suffix="Far"
    )
    whose = {name: first_said([name, f"Said{name}", f"{name}Near", f"{name}Far"]) for name in OWNERS}
    return joined.with_columns(**whose).drop(f"{name}{place}" for name in OWNERS for place in ("Near", "Far"))


def _with_status(executions: pl.DataFrame) -> pl.DataFrame:
    is_declared_only = pl.col("IsDeclared") & ~pl.col("HasSpan")
    runs_others = (pl.col("Kind") == "workflow") & (pl.col("Children") > 0)
    status = (
        pl.when(pl.col("Status").is_in(FINAL))
        .then("Status")
        .when(_IS_FINAL)
        .then("SaidStatus")
        .when(pl.col("Status").is_in([b"blocked", b"paused"]))
        .then("Status")
        # A run whose span has come has ended: what was said of it before does not count any more.
        .when(is_declared_only)
        .then(first_said(["SaidStatus", pl.lit(b"running")]))
        .when("Cancelled")
        .then(pl.lit(b"cancelled"))
        .when("Failed")
        .then(pl.lit(b"failed"))
        # A run that ends in a failed agent has failed, where its own span keeps silent about it.
        .when(runs_others)
        .then(
            pl.when(pl.col("LastChildFailed") & ~pl.col("SaysOk"))
            .then(pl.lit(b"failed"))
            .otherwise(pl.lit(b"completed"))
        )
        .when(~pl.col("HasSpan") & pl.col("LastCallCancelled"))
        .then(pl.lit(b"cancelled"))
        .when(~pl.col("HasSpan") & pl.col("LastCallFailed"))
        .then(pl.lit(b"failed"))
        .otherwise(pl.lit(b"completed"))
    )
    is_said = pl.col("Status") == pl.col("SaidStatus")
    said_of_it = {
        name: first_said([name, pl.when(is_said).then(f"Said{name}").otherwise(pl.lit(b""))])
        for name in ("StatusMessage", "WaitingFor")
    }
    return executions.with_columns(Status=status).with_columns(
        **said_of_it,
        Outcome=first_said(["Outcome", "SaidOutcome"]),
        ConfidenceScore=pl.coalesce("ConfidenceScore", "SaidConfidenceScore"),
        Progress="SaidProgress",
        TasksTotal="SaidTasksTotal",
        TasksCompleted="SaidTasksCompleted",
    )


def _with_times(executions: pl.DataFrame) -> pl.DataFrame:
    expires = pl.col("LastEventAt").dt.epoch("ms") + (pl.col("SaidExpiresInS") * 1000).cast(pl.Int64)
    return executions.with_columns(
        StartedAt=pl.when("HasSpan").then("StartedAt").otherwise(pl.min_horizontal("FirstCallAt", "FirstSaidAt")),
        EndedAt=pl.when("HasSpan")
        .then("EndedAt")
        .when(_IS_FINAL)
        .then("FinalAt")
        .when(~pl.col("IsDeclared"))
        .then("LastCallAt"),
        ExpiresAt=expires.cast(pl.Datetime("ms", "UTC")),
    ).with_columns(DurationMs=duration_ms())


def duration_ms() -> pl.Expr:
    """Return the time from start to end, in ms; None where the end is unknown."""
    # As a decimal: Polars divides floats by multiplying with an inverse, which rounds twice.
    return (lasted_ns().cast(pl.Decimal(38, 0)) * pl.lit(Decimal("0.000001"))).cast(pl.Float64)


def lasted_ns() -> pl.Expr:
    """Return the time from start to end, in ns and as 128 bits: between two times may lie more than 64 hold."""
    end, start = (pl.col(name).to_physical().cast(pl.Int128) for name in ("EndedAt", "StartedAt"))
    return end - start


def _with_errors(executions: pl.DataFrame) -> pl.DataFrame:
    """Give one that failed and says no error the error of its last child, or of its last failed call."""
    has_failed = pl.col("Status") == b"failed"
    errors = {}
    for name in ("ErrorType", "ErrorMessage"):
        others = first_said([f"Said{name}", f"LastChild{name}", pl.col(f"FailedCall{name}").fill_null(b"")])
        errors[name] = pl.when(has_failed & ~said(name)).then(others).otherwise(name)
    return executions.with_columns(**errors)


def _with_usage(executions: pl.DataFrame) -> pl.DataFrame:
    tells_itself = pl.col("SpanReports") & ~pl.col("CallsReport") & ~pl.col("BelowReports")
    is_reported = pl.col("ReportedCostUSD").is_not_null() & (pl.col("Kind") != "implicit")
    tells_its_cost = pl.col("CalledCostUSD").is_null() & ~pl.col("BelowHasCost") & (is_reported | pl.col("TellsItself"))
    usage = {name: pl.when("TellsItself").then(name).otherwise(as_tokens(pl.col(f"Called{name}"))) for name in TOKENS}
    return (
        executions.with_columns(TellsItself=tells_itself)
        .with_columns(TellsItsCost=tells_its_cost)
        .with_columns(
            **usage,
            EmbeddingTokens=as_tokens(pl.col("EmbeddingTokens")),
            Retries="CallRetries",
            CostUSD=pl.when("TellsItsCost").then("CostUSD").otherwise("CalledCostUSD"),
            CostSources=pl.when("TellsItsCost").then("CostSources").otherwise("CalledCostSources"),
        )
    )
