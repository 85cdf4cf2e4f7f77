"""One call is one row, however many spans tell of it."""

import polars as pl

from spanhouse_schema.derive.rules.columns import CALLS, MODELS, tells


def with_calls(spans: pl.DataFrame) -> pl.DataFrame:
    """Return the spans with `CallRow`: the span under whose id the call counts that they tell of; None for no call.

    That is the outermost span of those that tell of one thing. But a model's span around several calls of which one
    succeeded is a container: then each of its innermost spans is a call, and a container that alone knows the tokens
    tells them with the last that succeeded. One around several that failed is a call that was tried again and again.
    """
    containers = _containers(spans)
    if containers.is_empty():
        is_call = pl.col("Kind").is_in(CALLS)
        return spans.with_columns(CallRow=pl.when(is_call).then("TopRow"))
    is_container = pl.col("LastRow").is_not_null()
    tells_with_last = pl.col("ContainerTells") & (pl.col("Row") == pl.col("TopRow"))
    return (
        spans.join(containers, on="TopRow", how="left", maintain_order="left")
        .with_columns(
            CallRow=pl.when(~pl.col("Kind").is_in(CALLS))
            .then(None)
            .when(~is_container)
            .then("TopRow")
            .when("IsInnermost")
            .then("Row")
            .when(tells_with_last)
            .then("LastRow")
        )
        .drop("LastRow", "ContainerTells")
    )


def _containers(spans: pl.DataFrame) -> pl.DataFrame:
    innermost = spans.filter(~pl.col("IsAlone") & pl.col("IsInnermost") & pl.col("Kind").is_in(MODELS))
    succeeded = innermost.filter(~pl.col("Failed"))
    several = innermost.filter(innermost["TopRow"].is_duplicated())
    return (
        succeeded.join(several, on="TopRow", how="semi")
        .sort("StartedAt", "SpanId")
        .group_by("TopRow")
        .agg(LastRow=pl.col("Row").last(), ContainerTells=~tells().any())
    )
