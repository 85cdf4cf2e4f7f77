"""The settler: has traces settled soon after spans of them were inserted, by whomever; one settling at a time.

Two windows nominate traces. After each insert of ours, those of the last seconds. Every minute, those of the last ten
minutes: others insert too, and what is inserted may become visible late.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import structlog

from spanhouse_collector.metrics import Metrics
from spanhouse_schema import Database, DatabaseError, settling

_MARGIN_S = 5.0
_SWEEP_EVERY_S, _SWEEP_WITHIN_S = 60.0, 600.0
# An unchanging cost is paid for each settling: so this long, or as long as the last one took, passes in between.
_PAUSE_S = 0.3
_RETRY_S = 5.0

_log = structlog.get_logger()


class Settler:
    """Settles from `start` to `stop`; `nudge` says that spans were inserted."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._nudged = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="settler")
        self._task: asyncio.Task[None] | None = None
        self._failures = 0

    async def start(self) -> None:
        """Begin with what was left unsettled when the last process ended."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the settling that runs, and what was inserted before this was called."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown()

    def nudge(self) -> None:
        """Say that spans were inserted just now."""
        self._nudged.set()

    async def _run(self) -> None:
        settled = swept = time.monotonic()
        await self._insist(None)
        while True:
            await self._wait(swept + _SWEEP_EVERY_S)
            self._nudged.clear()
            began = time.monotonic()
            sweeps = began >= swept + _SWEEP_EVERY_S
            since = swept - _SWEEP_WITHIN_S if sweeps else settled - _MARGIN_S
            await self._insist(since)
            settled, swept = began, began if sweeps else swept
            await asyncio.sleep(max(_PAUSE_S, time.monotonic() - began))

    async def _wait(self, until: float) -> None:
        try:
            await asyncio.wait_for(self._nudged.wait(), max(until - time.monotonic(), 0))
        except TimeoutError:
            return

    async def _insist(self, since: float | None) -> None:
        """Settle what was touched since then (monotonic seconds), again and again until it succeeds."""
        while True:
            try:
                await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._settle, since))
            except DatabaseError as error:
                self._complain(error)
                await asyncio.sleep(_RETRY_S)
            else:
                self._failures = 0
                return

    def _settle(self, since: float | None) -> None:
        within_s = settling.overdue_s(self._database) if since is None else time.monotonic() - since
        with self._metrics.settle_seconds.time():
            changed = settling.settle(self._database, within_s)
        self._metrics.settled_traces.inc(changed)

    def _complain(self, error: DatabaseError) -> None:
        self._failures += 1
        self._metrics.settle_failures.inc()
        # The first, the second, the fourth, …: an outage of hours is a few lines.
        if self._failures & (self._failures - 1) == 0:
            _log.warning("executions are not settled yet", error=str(error)[:500])
