"""The database: its one client, its tables and views, its settings and its keys."""

from spanhouse_schema.database import Connection, Database
from spanhouse_schema.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseUnavailable,
    InputUnreadable,
    SettingsError,
    StatementFailed,
)
from spanhouse_schema.settings import Settings

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
