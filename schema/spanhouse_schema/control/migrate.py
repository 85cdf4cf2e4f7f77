"""Bring the control database to its newest revision, in one transaction and one process at a time."""

from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0001"
"""The newest revision, known without Alembic, which takes most of a second to load. A test holds it to the files."""

_BEFORE_ALEMBIC = "0001"
# Any number, the same in every process: PostgreSQL's advisory locks have no names.
_LOCK = 0x5350414E


def revision(connection: Connection) -> str | None:
    """Return the revision at which the database stands; None when it is empty."""
    recorded = _recorded(connection)
    if recorded is None and inspect(connection).has_table("keys"):
        return _BEFORE_ALEMBIC
    return recorded


def to_head(engine: Engine) -> None:
    """Run the revisions that are missing. Whoever is killed in between leaves the database as it was.

    The engine's transactions keep other writers out on SQLite; on PostgreSQL a lock does.
    """
    with engine.connect() as connection:
        if _recorded(connection) == HEAD:
            return
    from alembic import command  # noqa: PLC0415  # see HEAD

    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if _recorded(connection) is None and revision(connection):
            command.stamp(config(connection), _BEFORE_ALEMBIC)
        command.upgrade(config(connection), "head")


def config(connection: Connection) -> "Config":
    """Return what Alembic's commands need to run our revisions over the connection."""
    from alembic.config import Config  # noqa: PLC0415  # see HEAD

    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(files("spanhouse_schema").joinpath("control", "migrations")))
    made.set_main_option("path_separator", "os")
    return made


def _recorded(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    recorded: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return recorded
