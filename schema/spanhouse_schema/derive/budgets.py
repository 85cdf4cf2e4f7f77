"""Limits of what may be spent: said, and in force at once."""

from decimal import Decimal
from typing import NamedTuple

from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.quoting import literal

PERIODS = ("day", "week", "month")
SCOPES = ("tenant", "agent", "user", "session")

_LIMIT = """
    INSERT INTO spanhouse.budget_limits (tenant_id, scope, scope_id, period, valid_from, limit_usd, is_cleared)
    SELECT {tenant}, {scope}, {scope_id}, {period}, now64(6), toDecimal128OrNull({usd}, 12), {is_cleared}
"""


class Budget(NamedTuple):
    """Whose spending a limit is for, and in which time."""

    tenant: str
    # One of SCOPES, and the agent's name, the user's or session's id; '' for the tenant.
    scope: str = "tenant"
    scope_id: str = ""
    # One of PERIODS.
    period: str = "day"


def set_limit(database: Database, budget: Budget, usd: Decimal | None) -> None:
    """Say what may be spent, in USD; None is no limit. What was spent before stays spent. Raises `DatabaseError`."""
    _say(database, budget, usd, is_cleared=False)


def clear_limit(database: Database, budget: Budget) -> None:
    """Take back what was said: a tenant has the default limit for a day, all others none. Raises `DatabaseError`."""
    _say(database, budget, None, is_cleared=True)


def _say(database: Database, budget: Budget, usd: Decimal | None, *, is_cleared: bool) -> None:
    said = budget._asdict() | {"usd": "" if usd is None else f"{usd:f}"}
    # By the database's own clock, as whatever else compares times with it.
    database.command(_LIMIT.format(**{name: literal(text) for name, text in said.items()}, is_cleared=is_cleared))
