"""The traces that could not be settled, by name: an error costs the trace that caused it, and nobody else."""

import logging
import time
from functools import cached_property

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames
from spanhouse_schema.derive.stretch import TRACE

_MOST_OF_REASON = 1000
_MOST_RETRIES = 8
# In microseconds, as versions are.
_SHORTEST_WAIT, _LONGEST_WAIT = 30_000_000, 3_600_000_000
_TABLE = "spanhouse.set_aside_traces"
_log = logging.getLogger(__name__)


class SetAside:
    """What is set aside, as one session knows it: what others set aside since counts from its next start on."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __len__(self) -> int:
        return self._traces.height

    def parted(self, traces: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return those of some traces that are not set aside, and those that are. Raises `DatabaseError`."""
        known = self._traces
        return traces.join(known, on=TRACE, how="anti", maintain_order="left"), traces.join(known, on=TRACE, how="semi")

    def due(self) -> pl.DataFrame:
        """Return a few traces whose next attempt is due, those that have waited longest first. Raises `DatabaseError`.

        A trace waits as long as it has been failing, so that waits double, up to an hour.
        """
        failing_for = (pl.col("Version") - pl.col("Since")).clip(_SHORTEST_WAIT, _LONGEST_WAIT)
        due = self._traces.filter(pl.col("Version") + failing_for <= _now())
        return due.sort("Version").head(_MOST_RETRIES).select(TRACE)

    def add(self, trace: pl.DataFrame, error: BaseException) -> None:
        """Record that one trace (`TenantId`, `TraceId`) cannot be settled. Raises `DatabaseError`."""
        reason = f"{type(error).__name__}: {error}"[:_MOST_OF_REASON]
        tenant, trace_id = (name.decode(errors="replace") for name in trace.row(0))
        _log.error("trace %s of tenant %s is set aside: %s", trace_id, tenant, reason)
        failed = self._attempted(trace)
        self._write(failed, Reason=pl.lit(reason.encode()), IsDeleted=pl.lit(0, pl.UInt8))
        self._traces = pl.concat([self._without(failed), failed])

    def release(self, traces: pl.DataFrame) -> None:
        """Record that those of these traces that were set aside have been settled. Raises `DatabaseError`."""
        settled = self._traces.join(traces, on=TRACE, how="semi")
        if not settled.is_empty():
            self._write(self._attempted(settled), IsDeleted=pl.lit(1, pl.UInt8))
            self._traces = self._without(settled)

    @cached_property
    def _traces(self) -> pl.DataFrame:
        """Each trace, since when it fails (`Since`), and when it was tried last (`Version`), both in microseconds."""
        columns = "TenantId, TraceId, toUnixTimestamp64Micro(At::DateTime64(6)) AS Since, toInt64(Version) AS Version"
        return frames.select(self._session, f"SELECT {columns} FROM {_TABLE} FINAL")

    def _attempted(self, traces: pl.DataFrame) -> pl.DataFrame:
        """Return these traces as `_traces` has them after an attempt that ended now."""
        now = pl.lit(_now())
        known = traces.select(TRACE).join(self._traces, on=TRACE, how="left")
        # Greater than the one before even where a clock was set back.
        version = pl.max_horizontal(now, pl.col("Version") + 1)
        return known.with_columns(pl.col("Since").fill_null(now), Version=version)

    def _without(self, traces: pl.DataFrame) -> pl.DataFrame:
        return self._traces.join(traces, on=TRACE, how="anti")

    def _write(self, traces: pl.DataFrame, **columns: pl.Expr) -> None:
        since = pl.col("Since").cast(pl.Datetime("us", "UTC")).dt.cast_time_unit("ms").alias("At")
        rows = traces.with_columns(since, pl.col("Version").cast(pl.UInt64), **columns)
        frames.insert(self._session, _TABLE, rows.drop("Since"))


def _now() -> int:
    return time.time_ns() // 1000
