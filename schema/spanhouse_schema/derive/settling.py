"""Settling: executions and counted calls, brought up to what the spans say now.

A trace is settled as a whole, whenever spans of it have come, and from nothing but its spans and events: neither their
order nor their splits nor their repeats matter, and to settle again changes nothing. The steps are SQL, in
`sql/settle/`, each a query over the ones before it, and the last two write. (One statement could do it all, but
ClickHouse expands what a step names wherever it is used, and would analyse it for longer than it takes to run.)
Then the days are counted on which something changed (`days`).
"""

import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Self

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Database, Session
from spanhouse_schema.derive import prices
from spanhouse_schema.derive.rollups import MARGIN_S, Rollups

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
_GONE, WRITE = "gone", ("agent_calls", "agent_spend", "agent_executions")
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
# Of what lies behind an id, as much as is settled at once.
_STRETCH = """
    SELECT uniqExact(TenantId, TraceId), hex(min(TraceId)), hex(max(TraceId))
    FROM
    (
        SELECT TenantId, TraceId, Spans, sum(Spans) OVER (ORDER BY TraceId ROWS UNBOUNDED PRECEDING) AS UpTo
        FROM
        (
            SELECT * FROM chosen
            WHERE {all:UInt8} OR TraceId > unhex({after:String}) ORDER BY TraceId LIMIT {most:UInt32}
        )
    )
    WHERE UpTo - Spans < {most:UInt32}
"""
_SETTLERS = """
    SELECT uniqExact(Settler) FROM spanhouse.listed_executions
    WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64})
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
        self._own_rollups: Rollups | None = None
        self._made: set[str] = set()

    def settle(self, within_s: float | None = None, *, patient: bool = False) -> int:
        """Settle the traces that were touched in the last `within_s` seconds; None is all that are nominated.

        What an earlier call on this object has settled is not looked at again before somebody touches it. One that is
        `patient` leaves days for a later call, as `owes_days` says then, where counting them would take most of the
        time. Returns how many traces had changed. Some of their rows may have been written when it raises: call it
        again. Raises `DatabaseError`.
        """
        within_ms = _EVER_MS if within_s is None else int(within_s * 1000)
        with self._closed_on_error():
            changed = sum(self._settle(within_ms, first, last) for first, last in self._ranges(within_ms))
            if within_ms >= MARGIN_S * 1000:
                self._settle_crossed(within_ms)
            if patient and not self.rollups.is_due:
                self.rollups.put_off(within_ms)
            else:
                self.rollups.count(within_ms)
            return changed

    @property
    def owes_days(self) -> bool:
        """Whether days were left for a later call."""
        return self._own_rollups is not None and self._own_rollups.is_put_off

    def choose(self, select: str, parameters: Mapping[str, str]) -> None:
        """Choose the traces that `select` names (TenantId, TraceId, Spans), for `stretches` and `derived`.

        They are kept on disk, because they may be all that there are. Raises `DatabaseError`.
        """
        self.session.command("DROP TEMPORARY TABLE IF EXISTS chosen")
        self.session.command(
            f"CREATE TEMPORARY TABLE chosen ENGINE = MergeTree ORDER BY (TraceId, TenantId) AS {select}",
            {"timezone": self._database.timezone, **parameters},
        )

    def stretches(self, after: str | None = None) -> Generator[tuple[str, str, int]]:
        """The chosen traces as stretches that are settled at once: first and last id, in hex, and how many they are.

        From behind the id `after` on, in hex. Raises `DatabaseError`.
        """
        while True:
            parameters = {"all": str(int(after is None)), "after": after or "", "most": str(_MOST_SPANS)}
            ((traces, first, last),) = self.session.rows(_STRETCH, parameters)
            if not int(traces):
                return
            yield first, last, int(traces)
            after = last

    @contextmanager
    def derived(self, first: str, last: str, whole_since_ms: int, *, looks_up_prices: bool) -> Generator[Session]:
        """Derive anew the chosen traces from the id `first` to `last`, whatever their fingerprints say.

        Within the block the session's tables hold what they come to, and `write` stores it. Traces whose raw rows may
        have gone, which came before `whole_since_ms` (Unix milliseconds), are left out. Raises `DatabaseError`.
        """
        bounds = {"first": first, "last": last, "forced": "1", "whole_since": str(whole_since_ms)}
        with self._closed_on_error():
            parameters = self._parameters()
            self._nominate("chosen", parameters | bounds)
            self._derive(parameters, looks_up_prices=looks_up_prices)
            yield self.session
            self._forget()

    def write(self) -> None:
        """Store what was derived, of the traces in the session's table `changed`. Raises `DatabaseError`."""
        self._write(_GONE, *WRITE)

    def keep(self, traces: str) -> int:
        """Of what was derived keep only what is of some traces, which a SELECT names; return how many are left.

        Raises `DatabaseError`.
        """
        for table in ("changed", "listed"):
            self.session.command(
                f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table} WHERE (TenantId, TraceId) IN ({traces})"
            )
            self.session.command(f"TRUNCATE TABLE {table}")
            self.session.command(f"INSERT INTO {table} SELECT * FROM kept")
            self.session.command("DROP TEMPORARY TABLE kept")
        ((traces_left,),) = self.session.rows("SELECT count() FROM changed")
        return int(traces_left)

    def close(self) -> None:
        """End the session, if there is one."""
        self._open.close()
        self._session = self._own_rollups = None
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
        rows = self.session.rows(
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
        parameters = self._parameters()
        bounds = {"within_ms": str(within_ms), "first": first, "last": last, "forced": "0", "whole_since": "0"}
        changed, again = self._nominate("candidate", parameters | bounds)
        if changed:
            self._derive(parameters, looks_up_prices=True)
            self._write(*(_GONE, *WRITE) if again else WRITE)
        self._forget()
        self.rollups.count_in_between(within_ms)
        return changed

    def _settle_crossed(self, within_ms: int) -> None:
        """Settle again the traces that two settled at once, neither seeing what the other was writing."""
        parameters = {"within_ms": str(within_ms)}
        ((settlers,),) = self.session.rows(_SETTLERS, parameters)
        if int(settlers) < 2:
            return
        (crossed,) = sql_files.step("crossed")
        self.choose(crossed, parameters)
        for first, last, _ in self.stretches():
            with self.derived(first, last, 0, looks_up_prices=True):
                self.write()

    def _parameters(self) -> dict[str, str]:
        # Taken before anything is read: whoever reads later writes the greater version.
        return {"version": str(time.time_ns() // 1000), "timezone": self._database.timezone}

    def _derive(self, parameters: dict[str, str], *, looks_up_prices: bool) -> None:
        for step in _COUNT:
            self._fill(step, parameters)
        if looks_up_prices:
            self._look_up_prices(int(parameters["version"]))
        for step in _DERIVE:
            self._fill(step, parameters)

    def _write(self, *steps: str) -> None:
        self.rollups.touch()
        for step in steps:
            for statement in sql_files.step(step):
                self.session.command(statement)

    def _nominate(self, source: str, parameters: dict[str, str]) -> tuple[int, int]:
        """Find the traces that changed; return how many they are, and how many of them were settled before."""
        queries = {"candidate": source}
        for step in (*_NOMINATE, "partner"):
            self._fill(step, parameters, queries.get(step))
        if self.session.rows("SELECT 1 FROM partner LIMIT 1"):
            for step in _NOMINATE:
                self.session.command(f"TRUNCATE TABLE {step}")
                self._fill(step, parameters, queries.get(step))
        for step in ("event", "changed"):
            self._fill(step, parameters)
        ((changed, again),) = self.session.rows("SELECT count(), countIf(LastVersion > 0) FROM changed")
        return int(changed), int(again)

    def _look_up_prices(self, version: int) -> None:
        """Write down the prices of the models that were never seen before."""
        while rows := self.session.rows(_UNKNOWN_MODELS, {"source": prices.PACKAGE}):
            # Seldom needed, and slow to import.
            from spanhouse_schema.derive import price_catalogue  # noqa: PLC0415  # see above

            pairs = [prices.Pair(*map(bytes.fromhex, row)) for row in rows]
            self.session.command(prices.insertion(price_catalogue.rows_of(pairs), version))

    def _forget(self) -> None:
        """Empty the tables, but for what has been settled in the last minute."""
        self.session.command(
            "INSERT INTO finished SELECT TenantId, TraceId, At FROM candidate WHERE At > now64(3) - 60"
        )
        self.session.command("TRUNCATE TABLE candidate")
        self.session.command(
            "INSERT INTO candidate SELECT TenantId, TraceId, At FROM finished WHERE At > now64(3) - 60"
        )
        self.session.command("TRUNCATE TABLE finished")
        self.session.command("INSERT INTO finished SELECT TenantId, TraceId, At FROM candidate")
        for step in self._made:
            self.session.command(f"TRUNCATE TABLE {step}")

    def _fill(self, step: str, parameters: dict[str, str], query_of: str | None = None) -> None:
        """Put into the table of a step, which is empty or not made yet, what its query selects, or another one's."""
        (query,) = sql_files.step(query_of or step)
        if step in self._made:
            self.session.command(f"INSERT INTO {step} {query}", parameters)
        else:
            self.session.command(f"CREATE TEMPORARY TABLE {step} AS {query}", parameters)
            self._made.add(step)

    @contextmanager
    def _closed_on_error(self) -> Generator[None]:
        try:
            yield
        except Exception:
            # Whatever became of its tables, the next call begins with none.
            self.close()
            raise

    @property
    def rollups(self) -> Rollups:
        """The days that this session touches."""
        if self._own_rollups is None:
            self._own_rollups = Rollups(self.session, self._database.timezone)
        return self._own_rollups

    @property
    def session(self) -> Session:
        """The session, opened when it is first asked for."""
        if self._session is None:
            self._session = self._open.enter_context(self._database.session())
            for setting in _SETTINGS:
                self._session.command(f"SET {setting} = 0")
            self._session.command(f"CREATE TEMPORARY TABLE finished ({_TOUCHES})")
            self._session.command("CREATE TEMPORARY TABLE partner (TenantId LowCardinality(String), TraceId String)")
            self._made.add("partner")
        return self._session
