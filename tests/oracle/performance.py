"""What agents did, day by day: the reference of `agent_performance_daily`, from executions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

_TASKS = frozenset({"agent", "workflow"})
_NS_PER_S, _NS_PER_MS = 10**9, 10**6

COUNTS = ("total_llm_calls", "failed_llm_calls", "embedding_calls", "tool_calls", "tool_failures", "unpriced_calls")
"""What is added up, from the executions' own figures."""
_BUCKETS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
SUMS = (*_BUCKETS, "embedding_tokens", "cost_usd")
"""What is added up where it is known."""


class Key(NamedTuple):
    """What a row stands for, within a tenant."""

    date: date
    client_account_id: str
    engagement_id: str
    service_name: str
    agent_name: str


@dataclass(frozen=True)
class Run:
    """One execution, as far as it counts. Times are nanoseconds since 1970; `ended` is None while nobody knows."""

    kind: str
    status: str
    started: int
    ended: int | None
    agent_name: str = ""
    service_name: str = ""
    client_account_id: str = ""
    engagement_id: str = ""
    user: str = ""
    session: str = ""
    confidence: float | None = None
    # `COUNTS` and `SUMS`, what it did itself.
    figures: Mapping[str, Any] = field(default_factory=dict)


def daily(runs: Iterable[Run], timezone: str) -> dict[Key, dict[str, Any]]:
    """The rows of one tenant. A run counts wholly on the day on which it began, there."""
    zone = ZoneInfo(timezone)
    groups: dict[Key, list[Run]] = defaultdict(list)
    for run in runs:
        day = datetime.fromtimestamp(run.started // _NS_PER_S, zone).date()
        groups[Key(day, run.client_account_id, run.engagement_id, run.service_name, run.agent_name)].append(run)
    return {key: _row(of_key) for key, of_key in groups.items()}


def _row(runs: list[Run]) -> dict[str, Any]:
    counts = {name: sum(run.figures[name] for run in runs) for name in COUNTS}
    sums = {name: _sum(run.figures[name] for run in runs) for name in SUMS}
    return {
        **_tasks([run for run in runs if run.kind in _TASKS]),
        **counts,
        **sums,
        "total_tokens": _sum(sums[name] for name in _BUCKETS),
        "distinct_users": len({run.user for run in runs} - {""}),
        "distinct_sessions": len({run.session for run in runs} - {""}),
    }


def _tasks(tasks: list[Run]) -> dict[str, Any]:
    ended = {status: sum(run.status == status for run in tasks) for status in ("completed", "failed", "cancelled")}
    decided = ended["completed"] + ended["failed"]
    lasted = sorted(run.ended - run.started for run in tasks if run.ended is not None)
    sure = sorted(run.confidence for run in tasks if run.confidence is not None)
    return {
        "tasks_attempted": len(tasks),
        **{f"tasks_{status}": count for status, count in ended.items()},
        "success_rate": 100 * ended["completed"] / decided if decided else None,
        "avg_duration_ms": sum(lasted) / len(lasted) / _NS_PER_MS if lasted else None,
        **{f"p{level}_duration_ms": _percentile(lasted, level / 100) for level in (50, 95, 99)},
        "avg_confidence": sum(sure) / len(sure) if sure else None,
    }


def _percentile(lasted: list[int], level: float) -> float | None:
    """Of sorted nanoseconds, in milliseconds; between two of them, in proportion."""
    if not lasted:
        return None
    place = level * (len(lasted) - 1)
    below = int(place)
    near, far = (lasted[min(index, len(lasted) - 1)] / _NS_PER_MS for index in (below, below + 1))
    return near + (place - below) * (far - near)


def _sum(numbers: Iterable[int | Decimal | None]) -> int | Decimal | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
