"""The executions above each other, and the sums over those below one: 128 levels, itself being the first."""

import polars as pl

from spanhouse_schema.derive.rules.ancestors import Ancestors, parents

# 2**7 levels: after each round every execution has the sum of twice as many.
_ROUNDS = 7


class Lineage:
    """The executions of a frame, by their parents; those on a cycle, or below one, are roots."""

    def __init__(self, executions: pl.DataFrame) -> None:
        columns = ("Trace", "ExecutionId", "ParentExecutionId")
        self._ancestors = Ancestors(parents(*(executions[name] for name in columns)))

    @property
    def parents(self) -> pl.Series:
        """Return the row of each execution's parent; None where it has none."""
        parent = pl.Series(self._ancestors.parent, dtype=pl.UInt32)
        return parent.set(parent == self._ancestors.nowhere, None)

    @property
    def roots(self) -> pl.Series:
        """Return the row of the topmost execution above each, which may be itself."""
        return pl.Series(self._ancestors.roots(), dtype=pl.UInt32)

    def totals(self, own: pl.DataFrame) -> pl.DataFrame:
        """Return of each execution the sums of the columns `own`, over itself and those below it."""
        sums = own.with_row_index("Row")
        for above in self._ancestors.jumps[:_ROUNDS]:
            lifted = sums.with_columns(Row=pl.Series(above[:-1], dtype=pl.UInt32))
            lifted = lifted.filter(pl.col("Row") != self._ancestors.nowhere)
            if lifted.is_empty():
                break
            sums = pl.concat([sums, lifted]).group_by("Row").agg(pl.all().sum()).sort("Row")
        return sums.drop("Row")
