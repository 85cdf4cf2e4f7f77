"""What an upgrade imports. Imports nothing of Alembic's itself, unlike the tests beside it."""

import sys
from pathlib import Path

from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migrate


def modules_of_an_upgrade(directory: Path) -> set[str]:
    """The modules that a process has loaded once the database is at the newest revision."""
    migrate.upgrade(Database.open(Settings.load(data_dir=directory)))
    return set(sys.modules)
