"""Executions: the runs, with what each did itself, and what was said of it; not yet how it ended."""

import polars as pl

from spanhouse_schema.derive.rules.columns import EXECUTION, RUNS, TOKENS, calls_by_kind, said, sum_known, tells

_COUNTS = (
    "ModelCalls",
    "FailedModelCalls",
    "EmbeddingCalls",
    "ToolCalls",
    "FailedToolCalls",
    "CallRetries",
    "UnpricedCalls",
)
_FLAGS = (
    *("HasSpan", "IsDeclared", "Failed", "Cancelled", "SaysOk", "AgentNamed", "CallsReport"),
    *("LastCallFailed", "LastCallCancelled"),
)


def executions(runs: pl.DataFrame, calls: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """Return the executions: one without a span of its own has not ended yet, or is a root that never came.

    `Reports` says whether its span or its model calls tell usage, `HasCost` whether they tell a cost.
    """
    work = _work(calls)
    texts = [name for frame in (runs, work, states) for name in frame.select(pl.selectors.binary()).columns]
    found = (
        runs.with_columns(HasSpan=True)
        .join(work, on=EXECUTION, how="full", coalesce=True)
        .join(states.with_columns(IsDeclared=True), on=EXECUTION, how="full", coalesce=True)
        .with_columns(
            *(pl.col(name).fill_null(b"") for name in set(texts)),
            *(pl.col(name).fill_null(False) for name in _FLAGS),
            *(pl.col(name).fill_null(0) for name in (*_COUNTS, "CostSources", "CalledCostSources")),
        )
    )
    is_run = pl.col("Kind").is_in(RUNS).fill_null(False)
    return (
        _with_parents(found, states)
        .with_columns(SpanReports=is_run & tells())
        .with_columns(
            Reports=pl.col("CallsReport") | pl.col("SpanReports"),
            HasCost=pl.col("CalledCostUSD").is_not_null()
            | (is_run & pl.col("ReportedCostUSD").is_not_null())
            | (pl.col("SpanReports") & ~pl.col("CallsReport") & pl.col("CostUSD").is_not_null()),
        )
    )


def _work(calls: pl.DataFrame) -> pl.DataFrame:
    """Return what each execution did: its calls in sum, the last of them, the last that failed."""
    is_model, is_tool, failed = pl.col("Kind") == "model", pl.col("Kind") == "tool", pl.col("Failed")
    counts = {"ToolCalls": is_tool, "FailedToolCalls": is_tool & failed, "CallRetries": pl.col("Retries")}
    tokens = {f"Called{name}": sum_known(pl.when(is_model).then(name)) for name in TOKENS}
    in_order = calls.sort("EndedAt", "SpanId", nulls_last=False)
    return in_order.group_by(EXECUTION, maintain_order=True).agg(
        **calls_by_kind(),
        **{name: each.sum().cast(pl.UInt32) for name, each in counts.items()},
        **tokens,
        EmbeddingTokens=sum_known(pl.when(pl.col("Kind") == "embedding").then("InputTokens")),
        CalledCostUSD=sum_known(pl.col("CostUSD")),
        CalledCostSources=pl.col("CostSources").bitwise_or(),
        CallsReport=(is_model & tells()).any(),
        FirstCallAt=pl.col("StartedAt").min(),
        LastCallAt=pl.col("EndedAt").max(),
        LastCallFailed=failed.last(),
        LastCallCancelled=(failed & pl.col("Cancelled")).last(),
        FailedCallErrorType=pl.when(failed).then("ErrorType").last(ignore_nulls=True),
        FailedCallErrorMessage=pl.when(failed).then("ErrorMessage").last(ignore_nulls=True),
        CallServiceName=pl.col("ServiceName").sort_by("StartedAt", "SpanId").first(),
    )


def _with_parents(found: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """A parent that a span names and that has not come may be a run that has said something."""
    declared = states.select("Trace", RootId="ExecutionId", IsRootDeclared=True)
    above = pl.when(said("ParentExecutionId")).then("ParentExecutionId")
    root = pl.when(pl.col("IsRootDeclared") & (pl.col("RootId") != pl.col("ExecutionId"))).then("RootId")
    return (
        found.join(declared, on=["Trace", "RootId"], how="left", maintain_order="left")
        .with_columns(ParentExecutionId=pl.coalesce(above, root, "SaidParentExecutionId"))
        .drop("IsRootDeclared")
    )
