"""Sessions of a database that are watched: whoever watches may halt, fail or die before a statement runs."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spanhouse_schema import Database
from spanhouse_schema.clickhouse.database import EngineSettings, Session

Watch = Callable[[str], None]
"""Is told each statement before it runs; an INSERT of rows is told by its beginning."""


class _Watched:
    def __init__(self, session: Session, watch: Watch) -> None:
        self._session = session
        self._watch = watch

    def command(self, sql: str, parameters: Mapping[str, str] | None = None) -> None:
        self._watch(sql)
        self._session.command(sql, parameters)

    def text(self, sql: str, fmt: str, parameters: Mapping[str, str] | None = None) -> bytes:
        self._watch(sql)
        return self._session.text(sql, fmt, parameters)

    def insert(self, table: str, rows: Path, fmt: str, settings: EngineSettings) -> None:
        self._watch(f"INSERT INTO {table}")
        self._session.insert(table, rows, fmt, settings)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[list[Any]]:
        self._watch(sql)
        return self._session.rows(sql, parameters)


def watch(patch: pytest.MonkeyPatch, database: Database, watch: Watch) -> None:
    """Have the sessions that the database opens watched, as long as the patch lasts."""
    real = database.session

    @contextmanager
    def session() -> Generator[Session]:
        with real() as opened:
            yield _Watched(opened, watch)

    patch.setattr(database, "session", session)


def is_write(statement: str) -> bool:
    """Whether a statement writes into a table that stays."""
    return any(verb in statement for verb in ("INSERT INTO spanhouse.", "DELETE FROM spanhouse."))
