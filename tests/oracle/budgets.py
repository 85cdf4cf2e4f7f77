"""What was spent, day by day: the reference of `agent_budget_daily`, from executions, limits and words of sessions."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

_NS_PER_S = 10**9
_DEFAULT = Decimal(5)


class Key(NamedTuple):
    """What a row stands for, within a tenant."""

    scope: str
    date: date
    scope_id: str


@dataclass(frozen=True)
class Spent:
    """One execution, as far as it spends. Times are nanoseconds since 1970."""

    began: int
    agent: str = ""
    user: str = ""
    session: str = ""
    # Of an agent or a workflow; and whether nothing else started it.
    is_run: bool = True
    is_first: bool = True
    priced: list[tuple[int, Decimal]] = field(default_factory=list)
    unpriced: list[int] = field(default_factory=list)


class Limit(NamedTuple):
    """A limit for a day that was said at a time, in seconds; `is_cleared` where it was taken back."""

    scope: str
    scope_id: str
    at: int
    usd: Decimal | None
    is_cleared: bool = False


class Said(NamedTuple):
    """Something that was said of a session: since when (a span says it from its start on), when, and what."""

    session: str
    since: int
    at: int
    completes: bool = False
    has_outcome: bool = False
    agent: str = ""
    user: str = ""


@dataclass
class _Day:
    priced: list[tuple[int, Decimal]] = field(default_factory=list)
    unpriced: int = 0
    invocations: int = 0
    started: int = 0
    completed: int = 0


def daily(
    spent: Iterable[Spent], timezone: str, limits: Iterable[Limit] = (), said: Iterable[Said] = ()
) -> dict[Key, dict[str, Any]]:
    """The rows of one tenant. A call counts on the day on which it began, a run and a session on theirs."""
    zone = ZoneInfo(timezone)
    days: dict[Key, _Day] = defaultdict(_Day)
    for each in spent:
        for scope, scope_id in _scopes(each.agent, each.user, each.session):
            began = days[Key(scope, _day(each.began, zone), scope_id)]
            began.invocations += each.is_run if scope == "agent" else each.is_run and each.is_first
            for at, usd in each.priced:
                days[Key(scope, _day(at, zone), scope_id)].priced.append((at // _NS_PER_S, usd))
            for at in each.unpriced:
                days[Key(scope, _day(at, zone), scope_id)].unpriced += 1
    for scope, scope_id, began_at, completed_at in _cycles(said):
        days[Key(scope, _day(began_at, zone), scope_id)].started += 1
        if completed_at is not None:
            days[Key(scope, _day(completed_at, zone), scope_id)].completed += 1
    by_scope = _by_scope(limits)
    return {key: _row(key, of_key, by_scope[key.scope, key.scope_id], zone) for key, of_key in days.items()}


def _cycles(said: Iterable[Said]) -> Iterable[tuple[str, str, int, int | None]]:
    sessions: dict[str, list[Said]] = defaultdict(list)
    for each in said:
        sessions[each.session].append(each)
    for session, statements in sessions.items():
        completed = min((each.at for each in statements if each.completes), default=None)
        outcome = min((each.at for each in statements if each.has_outcome), default=None)
        agent, user = (max(getattr(each, name) for each in statements) for name in ("agent", "user"))
        for scope, scope_id in _scopes(agent, user, session):
            yield scope, scope_id, min(each.since for each in statements), outcome if completed is None else completed


def _scopes(agent: str, user: str, session: str) -> list[tuple[str, str]]:
    named = [("agent", agent), ("user", user), ("session", session)]
    return [("tenant", ""), *((scope, name) for scope, name in named if name)]


def _by_scope(limits: Iterable[Limit]) -> dict[tuple[str, str], list[Limit]]:
    found: dict[tuple[str, str], list[Limit]] = defaultdict(list)
    for limit in limits:
        usd = _default(limit.scope) if limit.is_cleared else limit.usd
        found[limit.scope, limit.scope_id].append(limit._replace(usd=usd))
    return found


def _default(scope: str) -> Decimal | None:
    return _DEFAULT if scope == "tenant" else None


def _row(key: Key, day: _Day, limits: list[Limit], zone: ZoneInfo) -> dict[str, Any]:
    in_force = [_default(key.scope)] + [each.usd for each in limits if _day(each.at * _NS_PER_S, zone) <= key.date]
    used = None if day.unpriced and not day.priced else sum((usd for _, usd in day.priced), Decimal())
    limit = in_force[-1]
    return {
        "limit_usd": limit,
        "used_usd": used,
        "remaining_usd": None if limit is None or used is None else max(limit - used, Decimal()),
        "unpriced_calls": day.unpriced,
        "invocations": day.invocations,
        "cycles_started": day.started,
        "cycles_completed": day.completed,
        **{f"over_{percent}_at": _reached(key, day, limits, zone, percent) for percent in (50, 80, 100)},
    }


def _reached(key: Key, day: _Day, limits: list[Limit], zone: ZoneInfo, percent: int) -> int | None:
    """The first second by whose end so much of the limit of that second was spent."""
    changes = {each.at for each in limits if _day(each.at * _NS_PER_S, zone) == key.date}
    for second in sorted({at for at, _ in day.priced} | changes):
        limit = next((each.usd for each in reversed(limits) if each.at <= second), _default(key.scope))
        if limit is not None and 100 * sum(usd for at, usd in day.priced if at <= second) >= percent * limit:
            return second
    return None


def _day(ns: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(ns // _NS_PER_S, zone).date()
