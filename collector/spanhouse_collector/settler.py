"""The settler: has traces settled soon after spans of them were inserted, by whomever; one settling at a time.

Two windows nominate traces. After each insert of ours, and every few seconds for the sake of others', those of the last
half minute. Every minute, those of the last ten: what is inserted may become visible late.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from spanhouse_collector import complaint
from spanhouse_collector.metrics import Metrics
from spanhouse_collector.signal import Signal
from spanhouse_collector.undisturbed import undisturbed
from spanhouse_schema import Database
from spanhouse_schema.derive.settling import Settling, overdue_s

_LOOK_EVERY_S, _LOOK_WITHIN_S = 10.0, 30.0
_SWEEP_EVERY_S, _SWEEP_WITHIN_S = 60.0, 600.0
# A settling costs something however little it settles, so that those inserted meanwhile share one.
_PAUSE_S = 0.3
# How soon to come back to days that were left for later.
_COUNT_WITHIN_S = 1.0
_RETRY_S = 5.0

_T = TypeVar("_T")


class Settler:
    """Settles from `start` to `stop`; `nudge` says what was inserted."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._settling = Settling(database)
        self._nudged = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="settler")
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        # In monotonic seconds, when the last ones that succeeded began.
        self._settled_at = self._swept_at = time.monotonic()

    async def start(self) -> None:
        """Begin with what was left unsettled when the last process ended."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the settling that runs, and settle once more what has been inserted since."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            if self._nudged.is_set() or self._settling.owes_days:
                await self._attempt(self._window_s())
        await self._in_thread(self._settling.close)
        self._thread.shutdown()

    def nudge(self, signal: Signal) -> None:
        """Say that rows were inserted just now: spans, or the logs that events are. Metrics settle nothing."""
        if signal is not Signal.METRICS:
            self._nudged.set()

    async def _run(self) -> None:
        while not await self._catch_up():  # noqa: ASYNC110  # what is waited for is a database that answers
            await asyncio.sleep(_RETRY_S)
        while True:
            await self._wait()
            began = time.monotonic()
            sweeps = began >= self._swept_at + _SWEEP_EVERY_S
            within = began - self._swept_at + _SWEEP_WITHIN_S if sweeps else self._window_s()
            if await self._attempt(within, patient=not sweeps):
                self._swept_at = began if sweeps else self._swept_at
                await asyncio.sleep(_PAUSE_S)
            else:
                await asyncio.sleep(_RETRY_S)

    async def _catch_up(self) -> bool:
        try:
            overdue = await self._in_thread(lambda: overdue_s(self._database))
        except Exception as error:  # noqa: BLE001  as below
            self._complain(error)
            return False
        return await self._attempt(overdue)

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._nudged.wait(), _COUNT_WITHIN_S if self._settling.owes_days else _LOOK_EVERY_S)
        except TimeoutError:
            return

    def _window_s(self) -> float:
        return time.monotonic() - self._settled_at + _LOOK_WITHIN_S

    async def _attempt(self, within_s: float | None, *, patient: bool = False) -> bool:
        """Settle what was touched in the last seconds, and say whether that succeeded."""
        began = time.monotonic()
        self._nudged.clear()
        try:
            with self._metrics.settle_seconds.time():
                changed = await self._in_thread(lambda: self._settling.settle(within_s, patient=patient))
        except Exception as error:  # noqa: BLE001  even a fault of our own must not end the settling for good
            self._complain(error)
            return False
        self._failures = 0
        self._settled_at = began
        self._metrics.settled_traces.inc(changed)
        return True

    async def _in_thread(self, step: Callable[[], _T]) -> _T:
        return await undisturbed(asyncio.get_running_loop().run_in_executor(self._thread, step))

    def _complain(self, error: Exception) -> None:
        self._failures += 1
        self._metrics.settle_failures.inc()
        complaint.log("executions are not settled yet", error, self._failures)
