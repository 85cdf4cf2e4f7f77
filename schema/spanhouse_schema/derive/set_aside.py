"""The traces that could not be settled, by name: an error costs the trace that caused it, and nobody else."""

import logging
import time
from functools import cached_property

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames
from spanhouse_schema.derive.stretch import TRACE

_MOST_OF_REASON = 1000
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

    def add(self, trace: pl.DataFrame, error: BaseException) -> None:
        """Write down that one trace (`TenantId`, `TraceId`) cannot be settled. Raises `DatabaseError`."""
        reason = f"{type(error).__name__}: {error}"[:_MOST_OF_REASON]
        tenant, trace_id = (name.decode(errors="replace") for name in trace.row(0))
        _log.error("trace %s of tenant %s is set aside: %s", trace_id, tenant, reason)
        self._write(trace.select(TRACE), Reason=pl.lit(reason.encode()), IsDeleted=pl.lit(0, pl.UInt8))
        self._traces = pl.concat([self._traces, trace.select(TRACE)]).unique()

    def release(self, traces: pl.DataFrame) -> None:
        """Take back that these traces are set aside: they have been settled. Raises `DatabaseError`."""
        settled = self._traces.join(traces, on=TRACE, how="semi")
        if not settled.is_empty():
            self._write(settled, IsDeleted=pl.lit(1, pl.UInt8))
            self._traces = self._traces.join(settled, on=TRACE, how="anti")

    @cached_property
    def _traces(self) -> pl.DataFrame:
        return frames.select(self._session, f"SELECT TenantId, TraceId FROM {_TABLE} FINAL")

    def _write(self, traces: pl.DataFrame, **columns: pl.Expr) -> None:
        version = pl.lit(time.time_ns() // 1000, pl.UInt64)
        frames.insert(self._session, _TABLE, traces.with_columns(**columns, Version=version))
