"""Bring the database to a revision of the schema and back, one process at a time; print the SQL instead on request."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from io import StringIO
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from clickhouse_connect.cc_sqlalchemy import alembic as _dialect  # noqa: F401  # registers ClickHouse with Alembic
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError

from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.errors import DatabaseBusy, DatabaseError, StatementFailed

_LOCK = "spanhouse.migration_lock"
_LOCK_PATIENCE_S = 60.0
_TABLE_ALREADY_EXISTS = 57


class Status(NamedTuple):
    """Where the database stands: its own revision (None when it is empty) and the newest one that we know."""

    current: str | None
    head: str

    @property
    def at_head(self) -> bool:
        """Whether nothing is left to do."""
        return self.current == self.head


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database up to `revision`. Idempotent, and safe beside another process that does the same.

    Raises `DatabaseBusy` when another migration holds the lock for a minute, `DatabaseError` when a statement fails.
    """
    with _locked(database), _connection(database) as connection:
        command.upgrade(_config(connection, timezone=database.timezone), revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the database down to `revision` ("base" is empty), dropping what later ones made, with its rows.

    Raises like `upgrade`, and `DatabaseError` when `revision` is unknown.
    """
    with _locked(database), _connection(database) as connection:
        command.downgrade(_config(connection), revision)


def status(database: Database) -> Status:
    """Where the database stands. Raises `DatabaseError`."""
    with _connection(database) as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": "spanhouse"})
        return Status(context.get_current_revision(), head())


def head() -> str:
    """The newest revision of this installation."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None, "migrations/versions holds at least one revision"
    return newest


def sql(revision: str = "head", *, down: bool = False, timezone: str = "UTC") -> str:
    """The statements that `upgrade` (or, with `down`, `downgrade`) would run from the other end, as text.

    `timezone` says where a day begins.
    """
    output = StringIO()
    config = _config(output_buffer=output, timezone=timezone)
    if down:
        command.downgrade(config, f"{head()}:{revision}", sql=True)
        return output.getvalue()
    command.upgrade(config, revision, sql=True)
    return f"CREATE DATABASE IF NOT EXISTS spanhouse;\n\n{output.getvalue()}"


def _config(
    connection: Connection | None = None, output_buffer: StringIO | None = None, timezone: str = "UTC"
) -> Config:
    config = Config(output_buffer=output_buffer) if output_buffer is not None else Config()
    config.set_main_option("script_location", str(files("spanhouse_schema").joinpath("clickhouse", "migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["timezone"] = timezone
    return config


@contextmanager
def _connection(database: Database) -> Generator[Connection]:
    engine = create_engine("clickhousedb://", creator=database.dbapi)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise StatementFailed(str(error.orig)) from error
    except CommandError as error:
        raise DatabaseError(f"{error}; `spanhouse migrate status` shows the revisions") from error
    finally:
        engine.dispose()


@contextmanager
def _locked(database: Database) -> Generator[None]:
    """Keep other migrations out. CREATE TABLE is ClickHouse's one atomic test-and-set, so a table is the lock."""
    deadline = time.monotonic() + _LOCK_PATIENCE_S
    while not _take_lock(database):
        if time.monotonic() > deadline:
            raise DatabaseBusy(
                f"another process has been migrating this database for {_LOCK_PATIENCE_S:.0f} s; "
                f"if none is running, it was killed on its way: DROP TABLE {_LOCK}"
            )
        time.sleep(0.2)
    try:
        yield
    finally:
        database.command(f"DROP TABLE IF EXISTS {_LOCK} SYNC")


def _take_lock(database: Database) -> bool:
    try:
        database.command(f"CREATE TABLE {_LOCK} (holder UInt8) ENGINE = Memory")
    except StatementFailed as error:
        # The embedded engine belongs to this process alone: a lock in it was left by one that was killed.
        if error.code == _TABLE_ALREADY_EXISTS:
            return database.embedded
        raise
    return True
