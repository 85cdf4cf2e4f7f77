"""The ledger of days: what counts on which day, as entries that are appended and taken back, never changed.

A settling appends the difference between what its traces come to now and what the ledger itself says of them. So to
settle again appends nothing, and whatever dies, races or comes late leaves a ledger whose next difference is right.
Materialized views keep sums of its entries: `daily_sums` are the tables that days and budgets are read from.
"""

from typing import NamedTuple

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames
from spanhouse_schema.derive.rules.entries import filled

_TABLE = "spanhouse.daily_ledger"


def of_stretch(session: Session) -> pl.DataFrame:
    """Return what the ledger says of the traces in the session's table `stretch`. Raises `DatabaseError`."""
    return frames.read(session, "stored_entries")


class Sessions(NamedTuple):
    """Sessions that something was said of in the last milliseconds (None: ever); of a tenant, or of everybody ('')."""

    within_ms: int | None = None
    tenant: str = ""

    def entries(self, session: Session, timezone: str) -> pl.DataFrame:
        """Return the entries of these sessions: the days on which they began and were completed.

        Raises `DatabaseError`.
        """
        return frames.read(session, "sessions", {**self._parameters, "timezone": timezone})

    def stored(self, session: Session) -> pl.DataFrame:
        """Return what the ledger says of them. Raises `DatabaseError`."""
        return frames.read(session, "stored_sessions", self._parameters)

    @property
    def _parameters(self) -> dict[str, str]:
        within = {"all": str(int(self.within_ms is None)), "within_ms": str(self.within_ms or 0)}
        return {**within, "tenant": self.tenant.encode().hex()}


def difference(wanted: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Return the rows after which the entries in force are those that are wanted.

    `stored` has rows of daily_ledger in all of its columns, `wanted` entries without a sign.
    """
    signs = [wanted.with_columns(Sign=pl.lit(1, pl.Int32)), stored.with_columns(-pl.col("Sign"))]
    # In one piece: of several, what is nested in rows takes Polars a hundred times as long to choose from.
    both = filled(pl.concat([stored.clear(), *signs], how="diagonal_relaxed", rechunk=True))
    return both.group_by(pl.exclude("Sign")).agg(pl.col("Sign").sum()).filter(pl.col("Sign") != 0)


def append(session: Session, rows: pl.DataFrame) -> None:
    """Append rows. Raises `DatabaseError`: then nobody knows whether all sums have them."""
    frames.insert(session, _TABLE, rows)
