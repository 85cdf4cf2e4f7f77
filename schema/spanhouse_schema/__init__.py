"""The database: its one client, its tables and views, its settings and its keys."""

from typing import TYPE_CHECKING

from spanhouse_schema.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseUnavailable,
    InputUnreadable,
    SettingsError,
    StatementFailed,
)
from spanhouse_schema.settings import Settings

if TYPE_CHECKING:
    from spanhouse_schema.clickhouse.database import Connection, Database

__all__ = [
    "Connection",
    "Database",
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseUnavailable",
    "InputUnreadable",
    "Settings",
    "SettingsError",
    "StatementFailed",
]


def __getattr__(name: str) -> object:
    # The engine takes half a second to import, and much of the command line does without.
    if name in {"Connection", "Database"}:
        from spanhouse_schema.clickhouse import database  # noqa: PLC0415  # late on purpose, see above

        return getattr(database, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
