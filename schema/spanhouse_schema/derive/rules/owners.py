"""The owners of an execution: session, user, client account, engagement, case and flow."""

import polars as pl

from spanhouse_schema.derive.rules.columns import OWNERS, said


def owners(spans: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the owners that the spans of each execution name, and those of each trace: the earliest span is right."""
    saying = (
        spans.select("Trace", "ExecutionId", "StartedAt", "SpanId", *OWNERS)
        .filter(pl.any_horizontal(said(name) for name in OWNERS))
        .with_columns(pl.when(said(name)).then(name).alias(name) for name in OWNERS)
        .sort("StartedAt", "SpanId")
    )
    first = [pl.col(name).first(ignore_nulls=True).fill_null(b"") for name in OWNERS]
    of_execution = saying.group_by("Trace", "ExecutionId", maintain_order=True).agg(first)
    return of_execution, saying.group_by("Trace", maintain_order=True).agg(first)
