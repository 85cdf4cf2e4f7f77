"""The settler: has traces settled soon after spans of them were inserted, by whomever; one settling at a time.

Two windows nominate traces. After each insert of ours, and every few seconds for the sake of others', those of the last
half minute. Every minute, those of the last ten: what is inserted may become visible late.

One of the collectors that share a server leads, and settles what all of them insert; the others stand by.
"""

import asyncio
import random
import time
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

import structlog

from spanhouse_collector.metrics import Metrics
from spanhouse_collector.signal import Signal
from spanhouse_schema import Database, DatabaseError
from spanhouse_schema.background import Failures, Loops, repeat
from spanhouse_schema.clickhouse.table_lock import TableLock

if TYPE_CHECKING:
    from spanhouse_schema.derive.settling import Settling

# What others insert on a server is found by looking alone.
_LOOK_EVERY_S, _LOOK_AT_SERVER_EVERY_S, _LOOK_WITHIN_S = 10.0, 2.0, 30.0
_SWEEP_EVERY_S, _SWEEP_WITHIN_S = 60.0, 600.0
# A settling costs something however little it settles, so that those inserted meanwhile share one.
_PAUSE_S = 0.3
# How soon to come back to participants that were left for later.
_COUNT_WITHIN_S = 1.0
_RETRY_S = 5.0
# Who stands by asks so often whether to lead, at random: two that ask at once may find each other and try again.
_ASK_EVERY_S = (1.0, 3.0)
_log = structlog.get_logger()


class Settler:
    """Settles from `start` to `stop`, while no other does; `nudge` says what was inserted."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._look_every_s = _LOOK_EVERY_S if database.embedded else _LOOK_AT_SERVER_EVERY_S
        self._lease = TableLock(database, "settler_lease_")
        metrics.settler_is_leader.set_function(lambda: self._lease.is_held)
        # Who leads instead, as far as it is known.
        self._leaders: list[str] = []
        self._nudged = asyncio.Event()
        self._loops = Loops("settler")
        self._failures = Failures("executions are not settled yet", metrics.settle_failures.inc)
        self._has_caught_up = self._is_stopping = False
        # In monotonic seconds, when the last ones that succeeded began.
        self._settled_at = self._swept_at = time.monotonic()

    @cached_property
    def _settling(self) -> "Settling":
        # Slow to import: the first settling does it, in a thread, and no start waits for it.
        from spanhouse_schema.derive.settling import Settling  # noqa: PLC0415  # see above

        return Settling(self._database)

    async def start(self) -> None:
        """Begin with what was left unsettled when the last leader ended."""
        self._loops.start(repeat(self._step, self._failures, _RETRY_S))

    async def stop(self) -> None:
        """Finish the settling that runs, settle once more what has been inserted since, and let another one lead."""
        self._is_stopping = True
        await self._loops.stop()
        if self._lease.is_held and (self._nudged.is_set() or self._settling.owes_participants):
            with self._failures:
                await self._settle(self._window_s())
        await self._loops.in_thread(self._let_go)
        self._loops.close()

    def nudge(self, signal: Signal) -> None:
        """Say that rows were inserted just now: spans, or the logs that events are. Metrics settle nothing."""
        if signal is not Signal.METRICS:
            self._nudged.set()

    async def _step(self) -> float:
        """Settle what is to be settled next, and return how long to rest after it."""
        if self._has_caught_up:
            await self._wait()
        if not self._lease.is_held:
            return await self._loops.in_thread(self._take_over)
        if not self._has_caught_up:
            await self._settle(await self._loops.in_thread(self._overdue_s))
            self._has_caught_up = True
            return 0
        began = time.monotonic()
        if began < self._swept_at + _SWEEP_EVERY_S:
            await self._settle(self._window_s(), patient=True)
        else:
            await self._settle(began - self._swept_at + _SWEEP_WITHIN_S)
            self._swept_at = began
        return _PAUSE_S

    def _take_over(self) -> float:
        """Lead unless another does, and return how long to wait before the next step. Raises `DatabaseError`."""
        # Whoever comes to lead begins a session, which looks for what the last leader left half written.
        self._settling.close()
        self._has_caught_up = False
        self._metrics.set_aside_traces.set(0)
        leaders = self._lease.take()
        if leaders != self._leaders:
            now = "another collector settles, this one stands by" if leaders else "this collector settles from now on"
            _log.info(now, leaders=leaders)
        self._leaders = leaders
        if leaders:
            return random.uniform(*_ASK_EVERY_S)  # noqa: S311  # not a secret
        self._settled_at = self._swept_at = time.monotonic()
        return 0

    def _let_go(self) -> None:
        self._settling.close()
        # Where that fails, the lease expires.
        with suppress(DatabaseError):
            self._lease.release()

    async def _wait(self) -> None:
        patience_s = _COUNT_WITHIN_S if self._settling.owes_participants else self._look_every_s
        try:
            await asyncio.wait_for(self._nudged.wait(), patience_s)
        except TimeoutError:
            return

    def _window_s(self) -> float:
        return time.monotonic() - self._settled_at + _LOOK_WITHIN_S

    def _overdue_s(self) -> float | None:
        return self._settling.overdue_s()

    def _goes_on(self) -> bool:
        # What a flood leaves is found by whoever begins next.
        return self._lease.is_held and not self._is_stopping

    async def _settle(self, within_s: float | None, *, patient: bool = False) -> None:
        """Settle what was touched in the last seconds. Raises `DatabaseError`."""
        began = time.monotonic()
        self._nudged.clear()
        with self._metrics.settle_seconds.time():
            changed = await self._loops.in_thread(
                lambda: self._settling.settle(within_s, patient=patient, goes_on=self._goes_on)
            )
        self._settled_at = began
        self._metrics.settled_traces.inc(changed)
        self._metrics.set_aside_traces.set(self._settling.traces_set_aside)
