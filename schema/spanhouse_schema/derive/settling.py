"""Settling: executions and counted calls, brought up to what the spans say now.

A trace is settled as a whole, whenever spans of it have come, and from nothing but its spans and events: neither their
order nor their splits nor their repeats matter, and to settle again changes nothing. Of traces that were touched, a
stretch at a time, those that changed are read, derived (`rules`) and written; and the ledger of days (`ledger`) is
given the difference.
"""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Self

import polars as pl

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Database, Session
from spanhouse_schema.derive import daily_sums, frames, ledger, participants, stretch
from spanhouse_schema.derive.ledger import Sessions
from spanhouse_schema.derive.listed import MARGIN_S, Listed
from spanhouse_schema.derive.participants import Participants
from spanhouse_schema.derive.set_aside import SetAside
from spanhouse_schema.derive.settlement import Settlement, Standing
from spanhouse_schema.derive.stretch import TRACE, Forced, Stretch
from spanhouse_schema.derive.turns import Turns
from spanhouse_schema.errors import DatabaseError, DatabaseUnavailable

_EVER_MS = 2**42
# So many traces that fail one after the other, and none that does not, are not at fault themselves.
_MOST_FAILURES = 8
# An INSERT into the ledger is over after it. In seconds.
_PAUSE_S = 2.0
_SETTINGS = {
    **frames.SETTINGS,
    # The sums of a day may be of a million entries.
    "max_bytes_before_external_group_by": 2**29,
    # A block would be merged row by row before it is written; a settling writes each key once. Half of each write.
    "optimize_on_insert": 0,
    # Some queries a settling, which run for less than it takes to compile their expressions.
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
}
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
_CHOSEN = (
    "SELECT DISTINCT TenantId, TraceId FROM chosen WHERE TraceId BETWEEN unhex({first:String}) AND unhex({last:String})"
)


def settle(database: Database, within_s: float | None = None) -> int:
    """Settle once, as `Settling.settle` does."""
    with Settling(database) as settling:
        return settling.settle(within_s)


class Settling:
    """Settles again and again, in one session. Not for two threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open = ExitStack()
        self._session: Session | None = None
        self._own_turns: Turns | None = None
        self._own_listed: Listed | None = None
        self._own_participants: Participants | None = None
        self._own_set_aside: SetAside | None = None
        # Whether it has looked for what others left.
        self._has_begun = False

    def settle(
        self, within_s: float | None = None, *, patient: bool = False, goes_on: Callable[[], bool] = lambda: True
    ) -> int:
        """Settle the traces that were touched in the last `within_s` seconds; None is all that are nominated.

        What an earlier call on this object has settled is not looked at again before somebody touches it; and where the
        traces are too many to be settled at once, those touched meanwhile are settled in between, and `goes_on` is
        asked after each stretch whether not to leave the rest to whoever begins next. A call that is
        `patient` leaves participants for a later call, as `owes_participants` says then, where counting them would take
        most of the time. Returns how many traces had changed. Some of their rows may have been written when it raises:
        call it again. Raises `DatabaseError`.
        """
        within_ms = _EVER_MS if within_s is None else int(within_s * 1000)
        began = time.monotonic()
        with self._closed_on_error():
            self.begin()
            self.settle_sessions(Sessions(within_ms))
            changed, is_done = self._settle_touched(within_ms, goes_on)
            if is_done and within_ms >= MARGIN_S * 1000:
                changed += self._retry(self.set_aside.due())
                self._settle_crossed(within_ms)
                self.listed.reach(within_ms, int((time.monotonic() - began) * 1000))
            if not patient or self.participants.is_due:
                self.participants.count()
            return changed

    def overdue_s(self) -> float | None:
        """For how long back traces may have been touched and not settled; None when that was never said. In seconds.

        Raises `DatabaseError`.
        """
        since = "SELECT dateDiff('millisecond', max(SettledTo), now64(3)) / 1000 FROM spanhouse.settlers"
        ((settled_s,),) = self._database.rows(since)
        return None if settled_s is None else max(settled_s, 0.0) + MARGIN_S

    @property
    def owes_participants(self) -> bool:
        """Whether some were left for a later call."""
        return bool(self._own_participants)

    @property
    def traces_set_aside(self) -> int:
        """How many traces could not be settled, as far as this object has seen."""
        return 0 if self._own_set_aside is None else len(self._own_set_aside)

    def choose(self, select: str, parameters: Mapping[str, str]) -> None:
        """Choose the traces that `select` names (TenantId, TraceId, Spans), for `stretches` and `chosen`.

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
            parameters = {"all": str(int(after is None)), "after": after or "", "most": str(stretch.MOST_SPANS)}
            ((traces, first, last),) = self.session.rows(_STRETCH, parameters)
            if not int(traces):
                return
            yield first, last, int(traces)
            after = last

    def chosen(self, first: str, last: str) -> pl.DataFrame:
        """Return the chosen traces from the id `first` to `last`, in hex. Raises `DatabaseError`."""
        return frames.select(self.session, _CHOSEN, {"first": first, "last": last})

    def derived(self, traces: pl.DataFrame, forced: Forced, *, looks_up_prices: bool) -> Settlement:
        """Derive some traces anew; they stand in the session's table `stretch` then. Raises `DatabaseError`."""
        found = Stretch.read(self.session, traces, _version(), forced)
        return self._derived(found, looks_up_prices=looks_up_prices)

    def another(self) -> "Settling":
        """Return one for another thread, whose participants are left to this one. Close it after this has counted."""
        another = Settling(self._database)
        another._own_participants = self.participants
        return another

    def write(self, settlement: Settlement, standing: Standing | None = None) -> None:
        """Store what was derived, as `Settlement.write` does. Raises `DatabaseError`."""
        self._append(settlement.derived.entries, ledger.of_stretch(self.session), settlement.places)
        settlement.write(self.session, standing)

    def settle_sessions(self, sessions: Sessions) -> None:
        """Bring the ledger's entries of sessions up to what was said of them. Raises `DatabaseError`."""
        wanted = sessions.entries(self.session, self._database.timezone)
        # What the ledger says of a session of which nothing is said any more is looked for among all.
        if not wanted.is_empty() or sessions.within_ms is None:
            self._append(wanted, sessions.stored(self.session), wanted.select(TRACE).clear())

    def mend_days(self, where: str, pause_s: float) -> None:
        """Bring sums and participants up to what the ledger says, as `daily_sums.mend` does. Raises `DatabaseError`."""
        daily_sums.mend(self.session, where, pause_s=pause_s)
        self.participants.count_where(where)

    def close(self) -> None:
        """End the session, if there is one."""
        self._end(is_done=not self.owes_participants)

    def _end(self, *, is_done: bool) -> None:
        listed = self._own_listed
        if listed is not None and (is_done or not listed.has_noted):
            # Where that fails, the next one compares a few days with the ledger.
            with suppress(DatabaseError):
                listed.finish()
        self._open.close()
        self._session = self._own_turns = self._own_listed = self._own_participants = self._own_set_aside = None
        self._has_begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(is_done=kind is None and not self.owes_participants)

    def _settle_touched(self, within_ms: int, goes_on: Callable[[], bool]) -> tuple[int, bool]:
        changed = 0
        for touches in self.turns.take(within_ms):
            changed += self._settle(touches)
            if self.participants.is_due:
                self.participants.count()
            if not goes_on():
                return changed, False
        return changed, True

    def _settle(self, touches: pl.DataFrame) -> int:
        fresh, failed_before = self.set_aside.parted(touches.select(TRACE).unique(maintain_order=True))
        return self._settle_or_set_aside(fresh, _Attempts()) + self._retry(failed_before)

    def _retry(self, traces: pl.DataFrame) -> int:
        """Settle traces that are set aside, by themselves: the others need not be halved again for their sake."""
        return self._settle_or_set_aside(traces, _Attempts(are_at_fault=True))

    def _settle_or_set_aside(self, traces: pl.DataFrame, attempts: "_Attempts") -> int:
        if traces.is_empty():
            return 0
        changed = self._settle_apart(traces, attempts)
        for trace, error in attempts.failures:
            self.set_aside.add(trace, error)
        return changed

    def _settle_apart(self, traces: pl.DataFrame, attempts: "_Attempts") -> int:
        """Settle traces at once, and where that fails by halves, down to those at fault."""
        try:
            changed = self._settle_at_once(traces)
        except DatabaseUnavailable:
            raise
        # Polars panics outside of Exception.
        except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001  # whatever it is, one trace has it
            if traces.height == 1:
                attempts.failed(traces, error)
                return 0
            half = traces.height // 2
            return sum(self._settle_apart(part, attempts) for part in (traces[:half], traces[half:]))
        attempts.are_at_fault |= changed > 0
        return changed

    def _settle_at_once(self, traces: pl.DataFrame) -> int:
        found = Stretch.read(self.session, traces, _version())
        if found.traces.height:
            self.write(self._derived(found, looks_up_prices=True))
        self.set_aside.release(traces)
        return found.traces.height

    def _settle_crossed(self, within_ms: int) -> None:
        """Settle again what two settled at once, neither seeing what the other was writing."""
        if self.listed.is_alone(within_ms):
            return
        (crossed,) = sql_files.step("crossed")
        self.choose(crossed, {"within_ms": str(within_ms)})
        for first, last, _ in self.stretches():
            self.write(self.derived(self.chosen(first, last), Forced(0), looks_up_prices=True))
        if doubtful := self.listed.doubtful_days():
            self.mend_days(doubtful, _PAUSE_S)

    def _append(self, wanted: pl.DataFrame, stored: pl.DataFrame, places: pl.DataFrame) -> None:
        entries = ledger.difference(wanted, stored)
        self.listed.note(places, entries)
        try:
            ledger.append(self.session, entries)
        except BaseException:
            # Nobody knows which sums have it: who goes on has another name, and looks at what this one left.
            self._own_listed, self._has_begun = None, False
            raise
        self.participants.touch(entries)

    def begin(self) -> None:
        """Add what an INSERT that was broken off left out of the sums, once a session and before anything is read.

        Raises `DatabaseError`.
        """
        if self._has_begun:
            return
        pause_s = 0 if self._database.embedded else _PAUSE_S
        if doubtful := self.listed.doubtful_days():
            self.mend_days(doubtful, pause_s)
        if self.listed.are_any_forgotten():
            for days in daily_sums.days(self.session):
                self.mend_days(days, pause_s)
            self.listed.forget()
        self._has_begun = True

    def _derived(self, found: Stretch, *, looks_up_prices: bool) -> Settlement:
        return Settlement.of(self.session, found, self._database.timezone, looks_up_prices=looks_up_prices)

    @contextmanager
    def _closed_on_error(self) -> Generator[None]:
        try:
            yield
        except Exception:
            # Whatever became of its tables, the next call begins with none.
            self._end(is_done=False)
            raise

    @property
    def turns(self) -> Turns:
        """The touches that this session settles."""
        if self._own_turns is None:
            self._own_turns = Turns(self.session)
        return self._own_turns

    @property
    def listed(self) -> Listed:
        """What this session says that it is about to write."""
        if self._own_listed is None:
            self._own_listed = Listed(self.session)
        return self._own_listed

    @property
    def participants(self) -> Participants:
        """The participants of the days that this session touches."""
        if self._own_participants is None:
            self._own_participants = Participants(self.session)
        return self._own_participants

    @property
    def set_aside(self) -> SetAside:
        """The traces that could not be settled."""
        if self._own_set_aside is None:
            self._own_set_aside = SetAside(self.session)
        return self._own_set_aside

    @property
    def session(self) -> Session:
        """The session, opened when it is first asked for."""
        if self._session is None:
            self._session = self._open.enter_context(self._database.session())
            values = ", ".join(f"{name} = {value}" for name, value in _SETTINGS.items())
            self._session.command(f"SET {values}")
            for table, columns in (stretch.TABLES | participants.TABLES).items():
                self._session.command(f"CREATE TEMPORARY TABLE {table} ({columns})")
        return self._session


class _Attempts:
    """What became of the traces of a stretch that could not be settled at once."""

    def __init__(self, *, are_at_fault: bool = False) -> None:
        # Whether it is known that those that fail do so by themselves.
        self.are_at_fault = are_at_fault
        self.failures: list[tuple[pl.DataFrame, BaseException]] = []

    def failed(self, trace: pl.DataFrame, error: BaseException) -> None:
        """Note a trace that cannot be settled; raise what went wrong where it seems to be no trace's fault."""
        self.failures.append((trace, error))
        if len(self.failures) >= _MOST_FAILURES and not self.are_at_fault:
            raise error


def _version() -> int:
    # Taken before anything is read: whoever reads later writes the greater version.
    return time.time_ns() // 1000
