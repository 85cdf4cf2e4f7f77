"""What stands there of the traces of a stretch, compared with what was derived of them.

It is compared in this process, where the derived rows are: to send those to ClickHouse takes longer.
"""

from collections.abc import Iterable

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames
from spanhouse_schema.derive.rules.derivation import Derived
from spanhouse_schema.derive.settlement import Settlement
from spanhouse_schema.derive.stretch import TRACE
from spanhouse_schema.proof.diff import Shape

KEYS = {
    "agent_calls": (*TRACE, "SpanId"),
    "daily_ledger": (*TRACE, "ExecutionId", "Entry", "Day"),
    "agent_executions": (*TRACE, "ExecutionId"),
}
"""The tables that a stretch comes to, each with what names a row."""
# Of an entry: a trace has none of a session.
_IN_FORCE = {"Sign": 1, "CyclesStarted": 0, "CyclesCompleted": 0}
_OF_STRETCH = "(TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch)"


def wanted(derived: Derived) -> dict[str, pl.DataFrame]:
    """Return what should stand in each of the tables."""
    return {
        "agent_calls": derived.calls,
        "daily_ledger": derived.entries.with_columns(**{name: pl.lit(value) for name, value in _IN_FORCE.items()}),
        "agent_executions": derived.executions,
    }


def differing(session: Session, settlement: Settlement) -> dict[str, pl.DataFrame]:
    """Return by table the keys of rows that do not stand there as they were derived, or should not stand there.

    The traces are those in the session's table `stretch`. Raises `DatabaseError`.
    """
    return {
        table: _keys_of_others(_stored(session, table), rows, KEYS[table])
        for table, rows in wanted(settlement.derived).items()
    }


def traces_of(rows: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the traces of some rows, each once."""
    return pl.concat([each.select(TRACE) for each in rows]).unique()


def _stored(session: Session, table: str) -> pl.DataFrame:
    columns = ", ".join(Shape.of(session, table).columns)
    return frames.select(session, f"SELECT {columns} FROM spanhouse.{table} FINAL WHERE {_OF_STRETCH}")


def _keys_of_others(stored: pl.DataFrame, derived: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    sides = [stored, derived.select(stored.columns).cast(stored.schema)]
    stored, derived = (rows.select(*key, Hash=rows.hash_rows()) for rows in sides)
    return pl.concat(
        one.join(other, on=one.columns, how="anti").select(key) for one, other in ((stored, derived), (derived, stored))
    ).unique()
