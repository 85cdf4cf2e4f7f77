"""The tree of a trace: the execution that each span belongs to, and the spans that tell of one thing.

A span that is neither a run nor a call is seen through. One whose ancestors never end, because it is on a cycle or
below one, counts as a root.
"""

import numpy as np
import polars as pl

from spanhouse_schema.derive.rules.ancestors import Ancestors, Indices, ends, parents
from spanhouse_schema.derive.rules.columns import RUNS, first_said, kind, said

# So little of a run, in nanoseconds, or such a part of it, may pass before and after what tells of it once more.
_OVERHEAD_NS, _LEAST_LEFT_OUT = 10_000_000, 5


def placed(spans: pl.DataFrame) -> pl.DataFrame:
    """Return the spans with what they belong to.

    `TopRow` is the outermost span that tells of the same thing, `IsInnermost` whether none below does, `IsAlone`
    whether nobody else does. `ExecutionId` is the nearest run above, or the topmost chain (`ParentExecutionId`), or
    the root of the trace; where that root's parent is named and never came, that parent.
    """
    spans = spans.with_row_index("Row")
    parent = parents(spans["Trace"], spans["SpanId"], spans["ParentSpanId"])
    above = Ancestors(parent)
    kinds = spans["Kind"]
    counted = above.nearest((~kinds.is_in(["other", "chain"])).to_numpy())
    run = above.nearest(kinds.is_in(RUNS).to_numpy())
    chain = above.topmost((kinds == "chain").to_numpy())
    twin = np.where(_tells_once_more(spans, counted), counted, np.arange(spans.height))
    top = ends(twin)
    is_twin = twin != np.arange(spans.height)
    ids = spans["SpanId"]
    run_id, chain_id = _at(ids, np.append(top, spans.height)[run]), _at(ids, chain)
    return spans.with_columns(
        TopRow=pl.Series(top, dtype=pl.UInt32),
        IsInnermost=_none_of(spans.height, twin[is_twin]),
        IsAlone=_none_of(spans.height, top[is_twin])[top],
        RootId=_root_ids(spans, parent, above),
        ParentExecutionId=pl.coalesce(run_id, chain_id, pl.lit(b"")),
    ).with_columns(ExecutionId=first_said(["ParentExecutionId", "RootId"]))


def _root_ids(spans: pl.DataFrame, parent: Indices, above: Ancestors) -> pl.Series:
    """Return the root of each span's trace, as seen from there; a parent that it names and that never came is it."""
    roots = spans[above.roots()]
    is_known = pl.Series(parent[roots["Row"].to_numpy()] != spans.height)
    names_another = said("ParentSpanId") & (pl.col("ParentSpanId") != pl.col("SpanId"))
    never_came = names_another & ~pl.lit(is_known)
    return roots.select(pl.when(never_came).then("ParentSpanId").otherwise("SpanId")).to_series()


def _tells_once_more(spans: pl.DataFrame, counted: Indices) -> pl.Series:
    """Return whether the next span above that counts tells of the same run or call as the span itself."""
    is_same = _is_of_the_same(spans, counted)
    is_run = spans["Kind"].is_in(RUNS)
    return is_same & (~is_run | _covers(spans, counted, is_same & is_run))


def _covers(spans: pl.DataFrame, counted: Indices, inner: pl.Series) -> pl.Series:
    """Return which of the inner runs is the same one as that above it once more, and none below it of that name.

    It covers what is above it alone: in time, but for little, and everything that counts there happens within it.
    """
    if not inner.any():
        return inner
    times = spans.select("Row", Above=pl.Series(counted), Start=_ns("StartedAt"), End=_ns("EndedAt"))
    above = times.select(Above="Row", AboveStart="Start", AboveEnd="End")
    begin, end = pl.max_horizontal("Start", "AboveStart"), pl.min_horizontal("End", "AboveEnd")
    whole = pl.col("AboveEnd") - pl.col("AboveStart")
    has_ended = pl.col("End").is_not_null() & pl.col("AboveEnd").is_not_null()
    left_out = whole - (end - begin)
    covering = (
        times.filter(inner)
        .join(above.cast({"Above": pl.Int64}), on="Above")
        .filter(has_ended & ((left_out <= _OVERHEAD_NS) | (left_out * _LEAST_LEFT_OUT <= whole)))
    )
    alone = covering.filter(~covering["Above"].is_duplicated())
    counts = ~spans["Kind"].is_in(["other", "chain"])
    outside = (
        times.filter(counts)
        .join(alone.select("Above", Inner="Row", From="Start", Until="End"), on="Above")
        .filter(
            (pl.col("Row") != pl.col("Inner"))
            & ((pl.col("Start") < pl.col("From")) | (pl.col("End").fill_null(pl.col("Start")) > pl.col("Until")))
        )
    )
    return spans["Row"].is_in(alone.join(outside, left_on="Row", right_on="Inner", how="anti")["Row"].implode())


def _ns(name: str) -> pl.Expr:
    return pl.col(name).to_physical().cast(pl.Int128)


def _is_of_the_same(spans: pl.DataFrame, counted: Indices) -> pl.Series:
    """Return whether the next span above that counts is of the same kind and name, or the same call of a tool."""
    things = spans.select(
        "Kind",
        Name=pl.when(pl.col("Kind").is_in(RUNS)).then("AgentName").when(pl.col("Kind") == "tool").then("ToolName"),
        Call=pl.when((pl.col("Kind") == "tool") & said("ToolCallId")).then("ToolCallId"),
    )
    over = things.select(_at(things[name], counted).alias(f"{name}Above") for name in things.columns)
    same_name = (pl.col("Kind") == pl.col("KindAbove")) & pl.col("Name").eq_missing(pl.col("NameAbove"))
    same_call = pl.col("Call") == pl.col("CallAbove")
    embeds = (pl.col("Kind") == "model") & (pl.col("KindAbove") == kind("embedding"))
    return (
        pl.concat([things, over], how="horizontal")
        .select((same_name | same_call | embeds).fill_null(False))
        .to_series()
    )


def _at(values: pl.Series, places: Indices) -> pl.Expr:
    """Return the values at some places; None for nowhere."""
    index = pl.Series(places)
    return pl.lit(values).gather(index.set(index == len(values), None))


def _none_of(height: int, places: Indices) -> pl.Series:
    none = np.ones(height, bool)
    none[places] = False
    return pl.Series(none)
