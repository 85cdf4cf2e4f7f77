"""Revisions of the tables, which Alembic runs or prints: each has frozen SQL beside it, up and down.

Importing this takes most of a second, which is Alembic's: `migrate` does so when there is something to do.
"""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from io import StringIO
from typing import Literal

from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from clickhouse_connect.cc_sqlalchemy import alembic as _dialect  # noqa: F401  # registers ClickHouse with Alembic
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.errors import DatabaseError, StatementFailed

Direction = Literal["up", "down"]

_MIGRATIONS = files("spanhouse_schema").joinpath("clickhouse", "migrations")


def upgrade(database: Database, revision: str) -> None:
    """Bring the tables up to `revision`. Raises `DatabaseError`."""
    with _connection(database) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the tables down to `revision`. Raises `DatabaseError`."""
    with _connection(database) as connection:
        command.downgrade(_config(connection), revision)


def head() -> str | None:
    """Return the newest revision of which there is a file."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def printed_up(revision: str) -> str:
    """Return what `upgrade` runs in an empty database, as text."""
    output = StringIO()
    command.upgrade(_config(output_buffer=output), revision, sql=True)
    return output.getvalue()


def printed_down(revision: str) -> str:
    """Return what `downgrade` runs in a database at the newest revision, as text."""
    output = StringIO()
    command.downgrade(_config(output_buffer=output), f"{head()}:{revision}", sql=True)
    return output.getvalue()


def execute(revision: str, direction: Direction) -> None:
    """Run a revision's frozen SQL. For revisions alone: Alembic says over which connection, or that it prints."""
    for statement in statements(revision, direction):
        # Colons are themselves, not SQLAlchemy's parameters.
        op.execute(text(statement.replace(":", "\\:")))


def statements(revision: str, direction: Direction) -> list[str]:
    """Return the frozen SQL of a revision."""
    return sql_files.split(_MIGRATIONS.joinpath("versions", f"{revision}.{direction}.sql").read_text(encoding="utf-8"))


def _config(connection: Connection | None = None, output_buffer: StringIO | None = None) -> Config:
    config = Config(output_buffer=output_buffer) if output_buffer is not None else Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
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
