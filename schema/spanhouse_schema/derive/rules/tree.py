"""The tree of a trace: the execution that each span belongs to, and the spans that tell of one thing.

A span that is neither a run nor a call is seen through. One whose ancestors never end, because it is on a cycle or
below one, counts as a root.
"""

import numpy as np
import polars as pl

from spanhouse_schema.derive.rules.ancestors import Ancestors, Indices, ends, parents
from spanhouse_schema.derive.rules.columns import RUNS, first_said, kind, said


def placed(spans: pl.DataFrame) -> pl.DataFrame:
    """Return the spans with what they belong to.

    `TopRow` is the outermost span that tells of the same thing, `IsInnermost` whether none below does, `IsAlone`
    whether nobody else does. `ExecutionId` is the nearest run above, or the topmost chain (`ParentExecutionId`), or
    the root of the trace; where that root's parent is named and never came, that parent.
    """
    spans = spans.with_row_index("Row")
    # One that names itself has none.
    named = spans.select(pl.when(pl.col("ParentSpanId") != pl.col("SpanId")).then("ParentSpanId")).to_series()
    parent = parents(spans["Trace"], spans["SpanId"], named)
    above = Ancestors(parent)
    kinds = spans["Kind"]
    counted = above.nearest((~kinds.is_in(["other", "chain"])).to_numpy())
    run = above.nearest(kinds.is_in(RUNS).to_numpy())
    chain = above.topmost((kinds == "chain").to_numpy())
    twin = np.where(_tells_of_the_same(spans, counted), counted, np.arange(spans.height))
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


def _tells_of_the_same(spans: pl.DataFrame, counted: Indices) -> pl.Series:
    """Return whether the next span above that counts tells of the same run or call as the span itself."""
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
