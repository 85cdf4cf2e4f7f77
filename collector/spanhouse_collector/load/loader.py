"""The loader: brings the spool's segments into ClickHouse, oldest first, each signal for itself."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import structlog

from spanhouse_collector import complaint
from spanhouse_collector.load.insertion import Insertion
from spanhouse_collector.metrics import Metrics
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import dead_letter
from spanhouse_collector.spool.segment import Segment
from spanhouse_collector.spool.spool import Spool
from spanhouse_collector.undisturbed import undisturbed
from spanhouse_schema import Database, DatabaseUnavailable

_FIRST_DELAY_S = 0.1
# ClickHouse that does not answer may be back at any time; one that refuses waits for someone to do something.
_AWAY_DELAY_S, _REFUSED_DELAY_S = 3.0, 15.0
_INBOX_EVERY_S = 1.0

_T = TypeVar("_T")
_log = structlog.get_logger()


class Loader:
    """Loads what `spool` holds, from `start` to `stop`. `problems` says what keeps a signal from being loaded now.

    `on_loaded` is called, with its signal, after each segment that was loaded.
    """

    def __init__(
        self, spool: Spool, database: Database, metrics: Metrics, on_loaded: Callable[[Signal], None] = lambda _: None
    ) -> None:
        self.problems: dict[Signal, str] = {}
        self._spool = spool
        self._database = database
        self._metrics = metrics
        self._on_loaded = on_loaded
        self._threads = ThreadPoolExecutor(len(Signal), thread_name_prefix="loader")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to load. The spool must have been started."""
        for signal in Signal:
            waiting = self._metrics.dead_letters.labels(signal.value)
            waiting.set_function(partial(dead_letter.count, self._spool.directory, signal))
        works = [*(self._load_all(signal) for signal in Signal), self._take_in_retries()]
        self._tasks = [asyncio.create_task(work) for work in works]

    async def stop(self) -> None:
        """Finish the INSERTs that are running, and begin no other."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown()

    async def _load_all(self, signal: Signal) -> None:
        while True:
            await self._load(signal, await self._spool.next_segment(signal))

    async def _load(self, signal: Signal, segment: Segment) -> None:
        insertion = await self._insist(
            signal, lambda: self._in_thread(lambda: Insertion(segment, signal, self._database, self._spool.directory))
        )
        while not insertion.is_done:
            await self._insist(signal, lambda: self._attempt(signal, insertion))
        self._on_loaded(signal)
        if segment.oldest_unix_nano:
            self._metrics.lag_seconds.labels(signal.value).observe(time.time() - segment.oldest_unix_nano / 1e9)
        await self._insist(signal, lambda: self._spool.finish(signal, segment))
        await self._insist(signal, lambda: self._in_thread(insertion.clean_up))

    async def _attempt(self, signal: Signal, insertion: Insertion) -> None:
        with self._metrics.insert_seconds.labels(signal.value).time():
            await self._in_thread(insertion.attempt)

    async def _insist(self, signal: Signal, step: Callable[[], Awaitable[_T]]) -> _T:
        """What `step` returns; repeated, with longer and longer pauses, until it does."""
        failures = 0
        while True:
            try:
                result = await undisturbed(step())
            except Exception as error:  # noqa: BLE001  even a fault of our own must not end the loading for good
                failures += 1
                self._complain(signal, error, failures)
                await asyncio.sleep(_delay(failures, error))
            else:
                if failures:
                    del self.problems[signal]
                    _log.info("loaded after all", signal=signal.value, failures=failures)
                return result

    def _complain(self, signal: Signal, error: Exception, failures: int) -> None:
        self.problems[signal] = str(error)
        self._metrics.insert_failures.labels(signal.value).inc()
        complaint.log("not loaded yet", error, failures, signal=signal.value)

    async def _in_thread(self, step: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, step)

    async def _take_in_retries(self) -> None:
        """Have dead letters loaded again that someone asked for, maybe from another process."""
        while True:
            try:
                for signal, path in dead_letter.waiting(self._spool.directory):
                    self._spool.adopt(signal, path)
            except OSError as error:
                _log.warning("a dead letter cannot be taken in", error=str(error))
            await asyncio.sleep(_INBOX_EVERY_S)


def _delay(failures: int, error: Exception) -> float:
    longest = _AWAY_DELAY_S if isinstance(error, DatabaseUnavailable) else _REFUSED_DELAY_S
    return min(longest, _FIRST_DELAY_S * (1 << min(failures - 1, 10))) * random.uniform(0.5, 1)  # noqa: S311  jitter, no secret
