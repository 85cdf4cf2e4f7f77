"""In which order touched traces are settled: the tenants take turns, by how many spans of each are settled.

The traces of a tenant come in the order of their ids, as their spans lie on disk; and each of them when as many spans
of every other tenant have come. So whoever waits for a flood waits for as many spans of it as of their own.
"""

import time
from collections.abc import Iterator

import polars as pl

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames, stretch

# Touches become visible in no order. So long after its time one is looked for, and remembered as settled; in seconds.
_MARGIN_S, _REMEMBER_S = 30, 60
_ALL = 2**32 - 1
_TOUCH = [*stretch.TRACE, "At"]


class Turns:
    """The touches that one session has settled, and those that wait in it."""

    def __init__(self, session: Session) -> None:
        """Begin with nothing settled. Raises `DatabaseError`."""
        self._session = session
        # Those of the last seconds.
        self._settled: pl.DataFrame | None = None
        self._has_waiting = False
        session.command(
            "CREATE TEMPORARY TABLE waiting (TenantId LowCardinality(String), TraceId String, At DateTime64(3), "
            "Spans UInt64, Turn UInt64) ENGINE = MergeTree ORDER BY Turn"
        )

    def take(self, within_ms: int) -> Iterator[pl.DataFrame]:
        """Yield the touches of the last milliseconds that were not settled: so many at a time as are settled at once.

        What was taken counts as settled: where settling it fails, begin another session. Where there are several
        frames, what is touched meanwhile comes between them; those that are not taken come in another call. Raises
        `DatabaseError`.
        """
        self._clear()
        looked_at = time.monotonic()
        few, is_all = self._look(within_ms)
        yield from self._taken(few)
        if is_all:
            return
        self._queue(within_ms)
        for some in self._waiting():
            yield from self._taken(some)
            now = time.monotonic()
            few, is_all = self._look(int((now - looked_at + _MARGIN_S) * 1000))
            if is_all:
                looked_at = now
            yield from self._taken(few)

    def _look(self, within_ms: int) -> tuple[pl.DataFrame, bool]:
        """Return the touches that come next, but for those that wait, and whether they are all."""
        page = frames.read(self._session, "touches", _bounds(within_ms, stretch.MOST_SPANS))
        fresh = self._unsettled(page)
        few = _first(fresh)
        return few, page.height < stretch.MOST_SPANS and few.height == fresh.height

    def _queue(self, within_ms: int) -> None:
        # On disk, because they may be all that there are.
        self._has_waiting = True
        (touches,) = sql_files.step("touches")
        self._session.command(f"INSERT INTO waiting {touches}", _bounds(within_ms, _ALL))

    def _waiting(self) -> Iterator[pl.DataFrame]:
        reached = 0
        while True:
            page = frames.read(self._session, "waiting", {"reached": str(reached), "most": str(stretch.MOST_SPANS)})
            if page.is_empty():
                break
            few = _first(page)
            reached = few["Turn"][-1]
            yield self._unsettled(few)
        self._clear()

    def _clear(self) -> None:
        if self._has_waiting:
            self._session.command("TRUNCATE TABLE waiting")
            self._has_waiting = False

    def _taken(self, touches: pl.DataFrame) -> Iterator[pl.DataFrame]:
        if touches.is_empty():
            return
        known = [] if self._settled is None else [self._settled]
        settled = pl.concat([*known, touches.select(_TOUCH)])
        self._settled = settled.filter(pl.col("At") > pl.col("At").max() - pl.duration(seconds=_REMEMBER_S))
        yield touches

    def _unsettled(self, touches: pl.DataFrame) -> pl.DataFrame:
        if self._settled is None:
            return touches
        return touches.join(self._settled, on=_TOUCH, how="anti", maintain_order="left")


def _first(touches: pl.DataFrame) -> pl.DataFrame:
    """Return those whose turn comes first: of so many spans as are settled at once."""
    turns = touches.group_by("Turn", maintain_order=True).agg(pl.col("Spans").sum())
    first = turns.filter(pl.col("Spans").cum_sum() - pl.col("Spans") < stretch.MOST_SPANS)
    return touches.join(first, on="Turn", how="semi", maintain_order="left")


def _bounds(within_ms: int, most: int) -> dict[str, str]:
    return {"within_ms": str(within_ms), "most": str(most)}
