"""The users and sessions of agents' days, counted: a sum of those that come and go does not say how many there are.

An agent's day is counted anew when its runs change. That takes as long as it has users and sessions, so where it takes
a quarter of the time it is done less often.
"""

import time
from math import inf

import polars as pl

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames

_SHARE = 4
_DAY = ["TenantId", "Day", "AgentName"]
KEY = (*_DAY, "ServiceName", "ClientAccountId", "EngagementId")
COLUMNS = (*KEY, "Users", "Sessions")
"""A row of performance_sums, and how many users and sessions it has."""
TABLES = {"touched_days": "TenantId LowCardinality(String), Day Date32, AgentName LowCardinality(String)"}
"""The table of the session that counting needs: the days of agents that are counted."""


def stored(where: str) -> str:
    """Return the SELECT of those numbers as they were counted last, of rows that meet a condition."""
    return _selected("max(Participants).2", "max(Participants).3", f"spanhouse.performance_sums WHERE {where}")


def recounted(where: str) -> str:
    """Return the SELECT of those numbers by the ledger, of entries that meet a condition on `TenantId` and `Day`."""
    users, sessions = (f"uniqExactIf({name}, notEmpty({name}))" for name in ("UserId", "SessionId"))
    return _selected(users, sessions, f"spanhouse.daily_ledger FINAL WHERE Entry = 'run' AND Sign > 0 AND {where}")


def _selected(users: str, sessions: str, rows: str) -> str:
    key, numbers = ", ".join(KEY), f"{users} AS Users, {sessions} AS Sessions"
    return f"SELECT {key}, {numbers} FROM {rows} GROUP BY {key} HAVING Users + Sessions > 0"


class Participants:
    """Counts those of the days that were touched, in one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._touched: list[pl.DataFrame] = []
        # In monotonic seconds.
        self._counted_at, self._took_s = -inf, 0.0

    @property
    def is_due(self) -> bool:
        """Whether counting would not take more than its share of the time."""
        return time.monotonic() >= self._counted_at + (_SHARE - 1) * self._took_s

    def __len__(self) -> int:
        return len(self._touched)

    def touch(self, entries: pl.DataFrame) -> None:
        """Note the days of agents of which entries were appended."""
        days = entries.filter(pl.col("Entry") == b"run").select(_DAY).unique()
        if not days.is_empty():
            self._touched.append(days)

    def count(self) -> None:
        """Count the days that were touched. Raises `DatabaseError`."""
        if self._touched:
            began = time.monotonic()
            self._count()
            self._counted_at = time.monotonic()
            self._took_s = self._counted_at - began

    def count_where(self, condition: str) -> None:
        """Count the days that meet a condition on `TenantId` and `Day`, and those touched. Raises `DatabaseError`."""
        days = f"SELECT DISTINCT {', '.join(_DAY)} FROM spanhouse.performance_sums WHERE {condition}"
        self._touched.append(frames.select(self._session, days))
        self._count()

    def _count(self) -> None:
        frames.refill(self._session, "touched_days", pl.concat(self._touched).unique())
        (statement,) = sql_files.step("participants")
        self._session.command(statement, {"version": str(time.time_ns() // 1000)})
        self._touched = []
