"""Tests have rows of long ago."""

from spanhouse_schema import Database
from spanhouse_schema.clickhouse import installation
from spanhouse_schema.settings import InstallationSettings


def keep_all(database: Database) -> None:
    """Keep rows for ever."""
    installation.change(database, InstallationSettings(retention_days=0, sql_audit_retention_days=0))
