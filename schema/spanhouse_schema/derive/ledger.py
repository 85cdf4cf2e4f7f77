"""The ledger of days: what counts on which day, as entries that are appended and taken back, never changed.

A settling appends the difference between what its traces come to now and what the ledger itself says of them. So to
settle again appends nothing, and whatever dies, races or comes late leaves a ledger whose next difference is right.
Materialized views keep sums of its entries: `daily_sums` are the tables that days and budgets are read from.
"""

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames
from spanhouse_schema.derive.rules.entries import filled

_TABLE = "spanhouse.daily_ledger"


def of_stretch(session: Session) -> pl.DataFrame:
    """Return what the ledger says of the traces in the session's table `stretch`. Raises `DatabaseError`."""
    return frames.read(session, "stored_entries")


def of_sessions(
    session: Session, timezone: str, within_ms: int | None = None, tenant: str = ""
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the entries of sessions, and those that the ledger has of them; of a tenant, or of everybody ('').

    They are the sessions that something was said of in the last milliseconds; None is all. Raises `DatabaseError`.
    """
    whose = {"all": str(int(within_ms is None)), "within_ms": str(within_ms or 0), "tenant": tenant.encode().hex()}
    wanted = frames.read(session, "sessions", {**whose, "timezone": timezone})
    return wanted, frames.read(session, "stored_sessions", whose)


def difference(wanted: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Return the rows after which the entries in force are those that are wanted.

    `stored` has rows of daily_ledger in all of its columns, `wanted` entries without a sign.
    """
    signs = [wanted.with_columns(Sign=pl.lit(1, pl.Int32)), stored.with_columns(-pl.col("Sign"))]
    both = filled(pl.concat([stored.clear(), *signs], how="diagonal_relaxed"))
    return both.group_by(pl.exclude("Sign")).agg(pl.col("Sign").sum()).filter(pl.col("Sign") != 0)


def append(session: Session, rows: pl.DataFrame) -> None:
    """Append rows. Raises `DatabaseError`: then nobody knows whether all sums have them."""
    frames.insert(session, _TABLE, rows)
