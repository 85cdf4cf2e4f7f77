"""Settling: executions and counted calls, brought up to what the spans say now.

A trace is settled as a whole, whenever spans of it have come, and from nothing but its spans and events: neither their
order nor their splits nor their repeats matter, and to settle again changes nothing. The steps are SQL, in
`sql/settle/`, each a query over the ones before it, and the last two write. (One statement could do it all, but
ClickHouse expands what a step names wherever it is used, and would analyse it for longer than it takes to run.)
Then the days are counted on which something changed (`days`).
"""

import time
from contextlib import ExitStack
from typing import Self

from spanhouse_schema import ddl, prices
from spanhouse_schema.database import Database, Session
from spanhouse_schema.days import MARGIN_S, Days

_NOMINATE = ("candidate", "seen", "rival")
_COUNT = ("state", "span", "place", "container", "part", "lost", "telling", "counted")
_DERIVE = (
    "priced",
    "context",
    "execution",
    "lineage",
    "below",
    "settled",
    "usage",
    "stored",
    "spent",
    "listed",
)
# In this order: the fingerprint in the executions is what says that a trace needs nothing more.
_GONE, _WRITE = "gone", ("agent_calls", "agent_spend", "agent_executions")
# As many as are settled at once: about 2 KB of memory each.
_MOST_SPANS = 100_000
_EVER_MS = 2**42
_SETTINGS = (
    # See ingest.py: a quarter of what it takes to analyse the steps.
    "optimize_and_compare_chain",
    # A block would be merged row by row before it is written; a settling writes each key once. Half of each write.
    "optimize_on_insert",
    # Some hundred expressions a settling, which run for less than it takes to compile them: a quarter of it.
    "compile_expressions",
    "compile_aggregate_expressions",
    "compile_sort_description",
)
# In hex: a name may be any bytes. Some at a time: a client may make up as many as it likes.
_UNKNOWN_MODELS = """
    SELECT DISTINCT hex(TenantId), hex(Provider), hex(Model)
    FROM (SELECT *, if(notEmpty(ResponseModel), ResponseModel, RequestModel) AS Model FROM counted)
    WHERE notEmpty(Model) AND (IsRun OR CountedKind IN ('model', 'embedding'))
        AND (TenantId, Provider, Model) NOT IN
            (SELECT tenant_id, provider, model FROM spanhouse.model_prices WHERE source = {source:String})
    LIMIT 1000
"""
_TOUCHES = "TenantId LowCardinality(String), TraceId String, At DateTime64(3)"


def settle(database: Database, within_s: float | None = None) -> int:
    """Settle once, as `Settling.settle` does."""
    with Settling(database) as settling:
        return settling.settle(within_s)


def overdue_s(database: Database) -> float | None:
    """For how long back traces may have been touched and not settled; None when nothing ever was. In seconds.

    Raises `DatabaseError`.
    """
    ((rows, newest),) = database.rows("SELECT count(), max(Version) FROM spanhouse.agent_executions")
    return max(time.time() - newest / 1e6, 0.0) + MARGIN_S if rows else None


class Settling:
    """Settles again and again, in one session: its temporary tables are made once. Not for two threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open = ExitStack()
        self._session: Session | None = None
        self._own_days: Days | None = None
        self._made: set[str] = set()

    def settle(self, within_s: float | None = None) -> int:
        """Settle the traces that were touched in the last `within_s` seconds; None is all that are nominated.

        What an earlier call on this object has settled is not looked at again before somebody touches it. Returns how
        many traces had changed. Some of their rows may have been written when it raises: call it again. Raises
        `DatabaseError`.
        """
        within_ms = _EVER_MS if within_s is None else int(within_s * 1000)
        try:
            changed = sum(self._settle(within_ms, first, last) for first, last in self._ranges(within_ms))
            self._days.count(within_ms)
        except Exception:
            # Whatever became of its tables, the next call begins with none.
            self.close()
            raise
        return changed

    def close(self) -> None:
        """End the session, if there is one."""
        self._open.close()
        self._session = self._own_days = None
        self._made.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ranges(self, within_ms: int) -> list[tuple[str, str]]:
        """First and last trace ids, in hex, of stretches that have few enough spans to be settled at once.

        In hex because whoever inserts by other ways than ours may call a trace anything. Spans lie in the order of
        their trace ids, so that each stretch is read by itself.
        """
        rows = self._ours.rows(
            """
            SELECT hex(min(TraceId)), hex(max(TraceId))
            FROM
            (
                SELECT TraceId, sum(sum(Spans)) OVER (ORDER BY TraceId) AS SpansUpTo
                FROM spanhouse.touched_traces
                WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64})
                    AND (TenantId, TraceId, At) NOT IN (SELECT TenantId, TraceId, At FROM finished)
                GROUP BY TraceId
            )
            GROUP BY intDiv(SpansUpTo, {most:UInt32})
            ORDER BY min(TraceId)
            """,
            {"within_ms": str(within_ms), "most": str(_MOST_SPANS)},
        )
        return [(first, last) for first, last in rows]

    def _settle(self, within_ms: int, first: str, last: str) -> int:
        # Taken before anything is read: whoever reads later writes the greater version.
        parameters = {"version": str(time.time_ns() // 1000), "timezone": self._database.timezone}
        bounds = {"within_ms": str(within_ms), "first": first, "last": last}
        changed, again = self._nominate(parameters | bounds)
        if changed:
            for step in _COUNT:
                self._fill(step, parameters)
            self._look_up_prices(int(parameters["version"]))
            for step in _DERIVE:
                self._fill(step, parameters)
            self._days.touch()
            for step in (_GONE, *_WRITE) if again else _WRITE:
                for statement in ddl.step(step):
                    self._ours.command(statement)
        self._forget()
        self._days.count_in_between(within_ms)
        return changed

    def _nominate(self, parameters: dict[str, str]) -> tuple[int, int]:
        """Find the traces that changed; return how many they are, and how many of them were settled before."""
        for step in (*_NOMINATE, "partner"):
            self._fill(step, parameters)
        if self._ours.rows("SELECT 1 FROM partner LIMIT 1"):
            for step in _NOMINATE:
                self._ours.command(f"TRUNCATE TABLE {step}")
                self._fill(step, parameters)
        for step in ("event", "changed"):
            self._fill(step, parameters)
        ((changed, again),) = self._ours.rows("SELECT count(), countIf(LastVersion > 0) FROM changed")
        return int(changed), int(again)

    def _look_up_prices(self, version: int) -> None:
        """Write down the prices of the models that were never seen before."""
        while rows := self._ours.rows(_UNKNOWN_MODELS, {"source": prices.PACKAGE}):
            # Seldom needed, and slow to import.
            from spanhouse_schema import catalogue  # noqa: PLC0415  # see above

            pairs = [prices.Pair(*map(bytes.fromhex, row)) for row in rows]
            self._ours.command(prices.insertion(catalogue.rows_of(pairs), version))

    def _forget(self) -> None:
        """Empty the tables, but for what has been settled in the last minute."""
        self._ours.command("INSERT INTO finished SELECT TenantId, TraceId, At FROM candidate WHERE At > now64(3) - 60")
        self._ours.command("TRUNCATE TABLE candidate")
        self._ours.command("INSERT INTO candidate SELECT TenantId, TraceId, At FROM finished WHERE At > now64(3) - 60")
        self._ours.command("TRUNCATE TABLE finished")
        self._ours.command("INSERT INTO finished SELECT TenantId, TraceId, At FROM candidate")
        for step in self._made:
            self._ours.command(f"TRUNCATE TABLE {step}")

    def _fill(self, step: str, parameters: dict[str, str]) -> None:
        """Put into the table of a step, which is empty or not made yet, what its query selects."""
        (query,) = ddl.step(step)
        if step in self._made:
            self._ours.command(f"INSERT INTO {step} {query}", parameters)
        else:
            self._ours.command(f"CREATE TEMPORARY TABLE {step} AS {query}", parameters)
            self._made.add(step)

    @property
    def _days(self) -> Days:
        if self._own_days is None:
            self._own_days = Days(self._ours, self._database.timezone)
        return self._own_days

    @property
    def _ours(self) -> Session:
        if self._session is None:
            self._session = self._open.enter_context(self._database.session())
            for setting in _SETTINGS:
                self._session.command(f"SET {setting} = 0")
            self._session.command(f"CREATE TEMPORARY TABLE finished ({_TOUCHES})")
            self._session.command("CREATE TEMPORARY TABLE partner (TenantId LowCardinality(String), TraceId String)")
            self._made.add("partner")
        return self._session
