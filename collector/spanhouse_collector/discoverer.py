"""The discoverer: has the days searched for patterns on which something changed, beside the settling, in its own time.

What was settled since the last search says which days: today's while it goes on, each day once more when it is over,
and an earlier one when spans of it come late. Several collectors may do that at once: they find the same.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TypeVar

from spanhouse_collector import complaint
from spanhouse_collector.metrics import Metrics
from spanhouse_collector.undisturbed import undisturbed
from spanhouse_schema import Database
from spanhouse_schema.derive.discovery import changed_days, discover
from spanhouse_schema.derive.rollups import MARGIN_S

_EVERY_S, _RETRY_S = 300.0, 60.0
# Of the time, a search takes no more than one part in so many, however much there is to read.
_SHARE = 20
# For so long it is known what was settled.
_KNOWN_S = 2 * 24 * 3600.0

_T = TypeVar("_T")


class Discoverer:
    """Searches from `start` to `stop`, every few minutes."""

    def __init__(self, database: Database, metrics: Metrics, *, every_s: float = _EVERY_S) -> None:
        self._database = database
        self._metrics = metrics
        self._every_s = every_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="discoverer")
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        # In monotonic seconds, when the last search that succeeded began.
        self._searched_at: float | None = None

    async def start(self) -> None:
        """Begin with the days that changed in the last two."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the day that is being searched; the others wait for the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown()

    async def _run(self) -> None:
        while True:
            began = time.monotonic()
            succeeded = await self._attempt(began)
            took = time.monotonic() - began
            await asyncio.sleep(max(self._every_s, _SHARE * took) if succeeded else _RETRY_S)

    async def _attempt(self, began: float) -> bool:
        """Search the days that changed since the last time, and say whether that succeeded."""
        within_s = _KNOWN_S if self._searched_at is None else began - self._searched_at + MARGIN_S
        try:
            for day in await self._in_thread(lambda: changed_days(self._database, within_s)):
                await self._search(day)
        except Exception as error:  # noqa: BLE001  even a fault of our own must not end the search for good
            self._failures += 1
            self._metrics.discovery_failures.inc()
            complaint.log("patterns are not searched for", error, self._failures)
            return False
        self._failures = 0
        self._searched_at = began
        return True

    async def _search(self, day: date) -> None:
        with self._metrics.discovery_seconds.time():
            await self._in_thread(lambda: discover(self._database, day))

    async def _in_thread(self, step: Callable[[], _T]) -> _T:
        return await undisturbed(asyncio.get_running_loop().run_in_executor(self._thread, step))
