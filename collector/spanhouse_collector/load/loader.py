"""The loader: brings the spool's segments into ClickHouse, oldest first, each signal for itself."""

import random
import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from spanhouse_collector.load.insertion import Insertion
from spanhouse_collector.metrics import Metrics
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import dead_letter
from spanhouse_collector.spool.segment import Segment
from spanhouse_collector.spool.spool import Spool
from spanhouse_schema import Database, DatabaseUnavailable
from spanhouse_schema.background import Failures, Loops, insist, repeat, unbroken

_FIRST_DELAY_S = 0.1
# ClickHouse that does not answer may be back at any time; one that refuses waits for someone to do something.
_AWAY_DELAY_S, _REFUSED_DELAY_S = 3.0, 15.0
_INBOX_EVERY_S = 1.0


class Loader:
    """Loads what `spool` holds, from `start` to `stop`.

    `on_loaded` is called, with its signal, after each segment that was loaded. A step that fails is tried again after
    `first_delay_s` seconds, and then after longer and longer pauses.
    """

    def __init__(
        self,
        spool: Spool,
        database: Database,
        metrics: Metrics,
        on_loaded: Callable[[Signal], None] = lambda _: None,
        *,
        first_delay_s: float = _FIRST_DELAY_S,
    ) -> None:
        self._spool = spool
        self._database = database
        self._metrics = metrics
        self._on_loaded = on_loaded
        self._first_delay_s = first_delay_s
        self._loops = Loops("loader", len(Signal))
        self._failures = {signal: _failures(signal, metrics) for signal in Signal}

    @property
    def problems(self) -> dict[Signal, str]:
        """What keeps a signal from being loaded now."""
        return {signal: str(failures.error) for signal, failures in self._failures.items() if failures.error}

    async def start(self) -> None:
        """Begin to load. The spool must have been started."""
        for signal in Signal:
            waiting = self._metrics.dead_letters.labels(signal.value)
            waiting.set_function(partial(dead_letter.count, self._spool.directory, signal))
        retries = repeat(self._take_in_retries, Failures("a dead letter cannot be taken in"), _INBOX_EVERY_S)
        self._loops.start(*map(self._load_all, Signal), retries)

    async def stop(self) -> None:
        """Finish the INSERTs that are running, and begin no other."""
        await self._loops.stop()
        self._loops.close()

    async def _load_all(self, signal: Signal) -> NoReturn:
        while True:
            await self._load(signal, await self._spool.next_segment(signal))

    async def _load(self, signal: Signal, segment: Segment) -> None:
        tried = partial(insist, failures=self._failures[signal], pause_s=self._pause_s)
        in_thread = self._loops.in_thread
        insertion = await tried(
            lambda: in_thread(lambda: Insertion(segment, signal, self._database, self._spool.directory))
        )
        while not insertion.is_done:
            await tried(lambda: self._attempt(signal, insertion))
        self._on_loaded(signal)
        if segment.oldest_unix_nano:
            self._metrics.lag_seconds.labels(signal.value).observe(time.time() - segment.oldest_unix_nano / 1e9)
        await tried(lambda: unbroken(self._spool.finish(signal, segment)))
        await tried(lambda: in_thread(insertion.clean_up))

    async def _attempt(self, signal: Signal, insertion: Insertion) -> None:
        with self._metrics.insert_seconds.labels(signal.value).time():
            await self._loops.in_thread(insertion.attempt)

    def _pause_s(self, failures: Failures) -> float:
        longest = _AWAY_DELAY_S if isinstance(failures.error, DatabaseUnavailable) else _REFUSED_DELAY_S
        delay_s = min(longest, self._first_delay_s * (1 << min(failures.in_a_row - 1, 10)))
        return delay_s * random.uniform(0.5, 1)  # noqa: S311  jitter, no secret

    async def _take_in_retries(self) -> float:
        """Have dead letters loaded again that someone asked for, maybe from another process."""
        for signal, path in dead_letter.waiting(self._spool.directory):
            self._spool.adopt(signal, path)
        return _INBOX_EVERY_S


def _failures(signal: Signal, metrics: Metrics) -> Failures:
    return Failures(f"{signal.value} are not loaded yet", metrics.insert_failures.labels(signal.value).inc)
