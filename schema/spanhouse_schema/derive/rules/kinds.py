"""The kind of a span that no convention knows, and that tells of usage."""

import numpy as np
import polars as pl

from spanhouse_schema.derive.rules.ancestors import Ancestors, parents
from spanhouse_schema.derive.rules.buckets import USAGE
from spanhouse_schema.derive.rules.columns import CALLS, KIND, MODELS, RUNS, kind, said, tells, tells_parts


def with_kinds(spans: pl.DataFrame) -> pl.DataFrame:
    """Return the spans with `Kind` as one of `KIND`.

    A span of usage is a model's call, unless its instrumentation tells of calls by spans that are known, or something
    below it tells of usage: then it is a wrapper. One that names no model is a call only if nothing else in its trace
    tells of usage: it may be a summary.
    """
    kinds = pl.col("Kind").cast(pl.String, strict=False)
    is_usage = spans.select(kinds == "usage").to_series()
    known = spans.with_columns(Kind=kinds.cast(KIND, strict=False).fill_null("other"))
    if not is_usage.any():
        return known
    return known.with_columns(
        Kind=pl.when(is_usage & ~_are_wrappers(known, is_usage)).then(kind("model")).otherwise("Kind")
    )


def _are_wrappers(spans: pl.DataFrame, is_usage: pl.Series) -> pl.Series:
    knows = spans.filter(pl.col("Kind").is_in(MODELS)).select("Trace", "ScopeName").unique().with_columns(Knows=True)
    by_others = spans.join(knows, on=["Trace", "ScopeName"], how="left", maintain_order="left")["Knows"]
    above = Ancestors(parents(spans["Trace"], spans["SpanId"], spans["ParentSpanId"]))
    counts = pl.col("Kind").is_in([*CALLS, *RUNS]) | is_usage
    is_telling = spans.select(counts & _tells_usage()).to_series().to_numpy()
    wrappers = np.zeros(spans.height + 1, bool)
    wrappers[above.nearest(is_usage.to_numpy())[is_telling]] = True
    return by_others.fill_null(False) | pl.Series(wrappers[:-1]) | _may_be_summaries(spans, is_usage)


def _may_be_summaries(spans: pl.DataFrame, is_usage: pl.Series) -> pl.Series:
    names_model = said("ResponseModel") | said("RequestModel")
    is_known = pl.col("Kind").is_in([*CALLS, *RUNS]) | (pl.col("IsUsage") & names_model)
    is_told = (is_known & _tells_usage()).any().over("Trace")
    return spans.with_columns(IsUsage=is_usage).select(~names_model & is_told).to_series()


def _tells_usage() -> pl.Expr:
    return tells(USAGE) | tells_parts()
