"""Counts, every few minutes, the spans that tell of usage under names that nobody reads: figures lack something there.

How many is all that becomes a metric: names come from clients. Several collectors count the same.
"""

from spanhouse_collector.metrics import Metrics
from spanhouse_schema import Database
from spanhouse_schema.background import Failures, Loops, repeat
from spanhouse_schema.derive.unread_usage import recent_spans

_EVERY_S = 300.0


class UnreadUsageGauge:
    """Sets the metric from `start` to `stop`; after a failure it keeps its value until the next time."""

    def __init__(self, database: Database, metrics: Metrics, *, every_s: float = _EVERY_S) -> None:
        self._database = database
        self._gauge = metrics.unread_usage_spans
        self._every_s = every_s
        self._loops = Loops("unread usage")

    async def start(self) -> None:
        """Count at once, and then again and again."""
        failures = Failures("spans with unread usage are not counted")
        self._loops.start(repeat(self._step, failures, self._every_s))

    async def stop(self) -> None:
        """Finish the counting that runs, and begin no other."""
        await self._loops.stop()
        self._loops.close()

    async def _step(self) -> float:
        self._gauge.set(await self._loops.in_thread(lambda: recent_spans(self._database)))
        return self._every_s
