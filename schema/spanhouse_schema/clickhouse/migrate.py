"""Bring the database to a revision of the tables and back, with the views and functions of now; or print the SQL.

A database where nothing is left to do costs two SELECTs: Alembic is not even imported.
"""

from typing import NamedTuple

from spanhouse_schema.clickhouse import before_baseline, definitions, installation, migration_lock
from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.clickhouse.installation import NEW, Installation
from spanhouse_schema.errors import StatementFailed

# The newest revision in migrations/versions.
HEAD = "0012_usage_parts"

_UNKNOWN_TABLE = 60


class Status(NamedTuple):
    """Where the database stands: its own revision (None when it is empty) and the newest one that we know."""

    current: str | None
    head: str

    @property
    def at_head(self) -> bool:
        """Whether nothing is left to do."""
        return self.current == self.head


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database up to `revision`, and at the newest one in line with its installation's settings.

    Idempotent, and safe beside another process that does the same. Raises `DatabaseBusy` when another migration holds
    the lock for a minute, `DatabaseError` when a statement fails.
    """
    upgrade_tables(database, revision)
    if status(database).at_head:
        installation.enforce(database)


def upgrade_tables(database: Database, revision: str = "head") -> None:
    """Bring the tables up to `revision`, without functions and views. Raises like `upgrade`."""
    if revision in {"head", HEAD} and status(database).at_head:
        return
    from spanhouse_schema.clickhouse import revisions  # noqa: PLC0415  # see above

    with migration_lock.held(database):
        before_baseline.adopt(database, status(database).current)
        revisions.upgrade(database, revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the database down to `revision` ("base" is empty), dropping what later ones made, with its rows.

    Functions and views go with the last table: before that, the earlier version that goes on makes them its own. Raises
    like `upgrade`, and `DatabaseError` when `revision` is unknown.
    """
    from spanhouse_schema.clickhouse import revisions  # noqa: PLC0415  # see above

    with migration_lock.held(database):
        before_baseline.refuse(status(database).current)
        if revision == "base":
            definitions.drop(database)
        revisions.downgrade(database, revision)


def status(database: Database) -> Status:
    """Return where the database stands. Raises `DatabaseError`."""
    try:
        found = database.rows("SELECT version_num FROM spanhouse.alembic_version")
    except StatementFailed as error:
        if error.code != _UNKNOWN_TABLE:
            raise
        found = []
    return Status(str(found[0][0]) if found else None, HEAD)


def sql(revision: str = "head", new: Installation = NEW) -> str:
    """Return the statements that `upgrade` would run in an empty database, as text, for an installation with `new`."""
    from spanhouse_schema.clickhouse import revisions  # noqa: PLC0415  # see above

    tables = f"CREATE DATABASE IF NOT EXISTS spanhouse;\n\n{revisions.printed_up(revision)}"
    if revision not in {"head", HEAD}:
        return tables
    return tables + installation.sql(new)


def down_sql(revision: str) -> str:
    """Return the statements that `downgrade` would run in a database at the newest revision, as text."""
    from spanhouse_schema.clickhouse import revisions  # noqa: PLC0415  # see above

    views = definitions.drop_sql() if revision == "base" else ""
    return views + revisions.printed_down(revision)
