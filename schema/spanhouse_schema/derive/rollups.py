"""What is counted by day, brought up to what the executions say now: what agents did and used, and what was spent.

A day of an agent, or of whoever has a budget, is counted as a whole, from all executions that were on it, whenever one
of them changed: nothing is added up. Before executions are written, it is written down where (`listed_executions`), so
that whatever dies on the way, somebody knows which days to count.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING
from uuid import uuid4

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.quoting import literal

if TYPE_CHECKING:
    import polars as pl

MARGIN_S = 600.0
"""For how far back one who begins looks for what others left, at least. In seconds."""
# Well within that, should it die before it has settled everything.
_COUNT_EVERY_S = MARGIN_S / 4
# Of the time, counting may take one part in so many, however much stands on a day: executions are not to wait for it.
_SHARE = 4
# Each is counted into a table of the session, compared with the rows that were counted last, and then written.
_ROLLUPS = (
    ("agent_performance_daily", "performance", "performed"),
    ("model_usage_daily", "model_usage", "model_used"),
    ("agent_budget_daily", "budget", "budgeted"),
)
# Days of agents, and days of scopes that have a budget.
_TOUCHED = {
    "touched": "TenantId LowCardinality(String), AgentName LowCardinality(String), Day Date32",
    "spent_on": "TenantId LowCardinality(String), Day Date32, Scope LowCardinality(String), ScopeId String",
}


class Rollups:
    """The days that settlings in one session touch: `touch` before executions are written, `count` when all are."""

    def __init__(self, session: Session, timezone: str) -> None:
        self._session = session
        # Who begins has a new name: what it left uncounted under the old one is another's.
        self._parameters = {"timezone": timezone, "settler": uuid4().hex}
        self._looks_back = True
        # In monotonic seconds: when days were last counted, and since when there may be something to count.
        self._counted_at, self._uncounted_since = time.monotonic(), inf
        self._took_s = 0.0
        for table, columns in _TOUCHED.items():
            session.command(f"CREATE TEMPORARY TABLE {table} ({columns})")
        for rollup, *tables in _ROLLUPS:
            for table in tables:
                session.command(f"CREATE TEMPORARY TABLE {table} ENGINE = Memory AS spanhouse.{rollup}")

    def touch(self, listed: "pl.DataFrame") -> None:
        """Note the days of executions, in the columns of listed_executions, and write down where these will be."""
        from spanhouse_schema.derive import frames  # noqa: PLC0415  # slow to import
        from spanhouse_schema.derive.touched_days import touched_days  # noqa: PLC0415  # see above

        settler = self._parameters["settler"].encode()
        frames.insert(self._session, "spanhouse.listed_executions", listed.with_columns(Settler=settler))
        for table, rows in touched_days(listed, self._parameters["timezone"]).items():
            frames.insert(self._session, table, rows)

    @property
    def is_due(self) -> bool:
        """Whether counting would not take more than its share of the time."""
        return time.monotonic() >= self._counted_at + (_SHARE - 1) * self._took_s

    @property
    def is_put_off(self) -> bool:
        """Whether there may be something to count."""
        return self._uncounted_since < inf

    def put_off(self, within_ms: int) -> None:
        """Leave what was touched in this window, in milliseconds, for the next count."""
        self._uncounted_since = min(self._uncounted_since, time.monotonic() - within_ms / 1000)

    def count(self, within_ms: int) -> None:
        """Count the touched days; the first time, and when the window is as wide as the margin, also those of others.

        The window is in milliseconds. Raises `DatabaseError`.
        """
        began, margin_ms = time.monotonic(), int(MARGIN_S * 1000)
        self.put_off(within_ms)
        if self._looks_back or within_ms >= margin_ms:
            self._run("touched_lately", within_ms=str(max(within_ms, margin_ms)))
        self._run("cycled", within_ms=str(int((began - self._uncounted_since) * 1000) + 1))
        if self._session.rows("SELECT 1 FROM touched LIMIT 1 UNION ALL SELECT 1 FROM spent_on LIMIT 1"):
            self._count_touched()
        self._looks_back = False
        self._counted_at, self._uncounted_since = time.monotonic(), inf
        self._took_s = self._counted_at - began

    def count_scope(self, tenant: str, scope: str, scope_id: str) -> None:
        """Count what was spent today in one scope, because its limit has changed. Raises `DatabaseError`."""
        names = ", ".join(map(literal, (scope, scope_id)))
        today = f"toDate32(now(), {literal(self._parameters['timezone'])})"
        self._session.command(f"INSERT INTO spent_on SELECT {literal(tenant)}, {today}, {names}")
        self._count_touched()

    def count_between(self, first: str, last: str, tenant: str = "") -> None:
        """Count all that happened from one day to another, as ISO dates; of a tenant, or of everybody ('').

        Raises `DatabaseError`.
        """
        self._run("touched_between", first=first, last=last, tenant=tenant.encode().hex())
        self._count_touched()

    @contextmanager
    def recounted_between(self, first: str, last: str, tenant: str = "") -> Generator[tuple[tuple[str, str, str], ...]]:
        """Count as `count_between` does, and write nothing.

        Within the block there are, for each rollup, its name and two tables of the session: what was counted now, and
        what was counted last, tombstones too. Raises `DatabaseError`.
        """
        self._run("touched_between", first=first, last=last, tenant=tenant.encode().hex())
        for _, now, before in _ROLLUPS:
            self._run(now)
            self._run(before)
        yield _ROLLUPS
        for table in (*_TOUCHED, *(table for _, *tables in _ROLLUPS for table in tables)):
            self._session.command(f"TRUNCATE TABLE {table}")

    def count_in_between(self, within_ms: int) -> None:
        """Count if the last time was long ago: settling a whole history takes hours."""
        if time.monotonic() > self._counted_at + _COUNT_EVERY_S:
            self.count(within_ms)

    def _count_touched(self) -> None:
        for rollup, now, before in _ROLLUPS:
            self._run(now)
            self._run(before)
            self._run(rollup, version=str(time.time_ns() // 1000))
            self._session.command(f"TRUNCATE TABLE {now}")
            self._session.command(f"TRUNCATE TABLE {before}")
        for table in _TOUCHED:
            self._session.command(f"TRUNCATE TABLE {table}")

    def _run(self, step: str, **parameters: str) -> None:
        for statement in sql_files.step(step):
            self._session.command(statement, self._parameters | parameters)
