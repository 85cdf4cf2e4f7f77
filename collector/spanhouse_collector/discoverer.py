"""The discoverer: has the days searched for patterns on which something changed, beside the settling, in its own time.

What was settled since the last search says which days: today's while it goes on, each day once more when it is over,
and an earlier one when spans of it come late. Several collectors may do that at once: they find the same.
"""

import time
from datetime import date

from spanhouse_collector.metrics import Metrics
from spanhouse_schema import Database
from spanhouse_schema.background import Failures, Loops, repeat
from spanhouse_schema.derive.discovery import changed_days, discover
from spanhouse_schema.derive.listed import MARGIN_S

_EVERY_S, _RETRY_S = 300.0, 60.0
_SHARE = 20
# For so long it is known what was settled.
_KNOWN_S = 2 * 24 * 3600.0


class Discoverer:
    """Searches from `start` to `stop`, every few minutes.

    The first search looks at the days that changed in the last `known_s` seconds, a later one at those since the search
    before and `margin_s` seconds more. It takes no more than one part in `share` of the time, however much there is to
    read. One that fails is tried again after `retry_s` seconds.
    """

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        *,
        every_s: float = _EVERY_S,
        retry_s: float = _RETRY_S,
        known_s: float = _KNOWN_S,
        margin_s: float = MARGIN_S,
        share: float = _SHARE,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._every_s, self._retry_s = every_s, retry_s
        self._known_s, self._margin_s = known_s, margin_s
        self._share = share
        self._loops = Loops("discoverer")
        # In monotonic seconds, when the last search that succeeded began.
        self._searched_at: float | None = None

    async def start(self) -> None:
        """Begin with the days that changed in the last two."""
        failures = Failures("patterns are not searched for", self._metrics.discovery_failures.inc)
        self._loops.start(repeat(self._step, failures, self._retry_s))

    async def stop(self) -> None:
        """Finish the day that is being searched; the others wait for the next start."""
        await self._loops.stop()
        self._loops.close()

    async def _step(self) -> float:
        """Search the days that changed since the last time, and return how long to rest after it."""
        began = time.monotonic()
        within_s = self._known_s if self._searched_at is None else began - self._searched_at + self._margin_s
        for day in await self._loops.in_thread(lambda: changed_days(self._database, within_s)):
            await self._search(day)
        self._searched_at = began
        return max(self._every_s, self._share * (time.monotonic() - began))

    async def _search(self, day: date) -> None:
        with self._metrics.discovery_seconds.time():
            await self._loops.in_thread(lambda: discover(self._database, day))
