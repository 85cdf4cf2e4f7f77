"""Every store that raw rows may stand in: the tests that ask for `store` run once against each."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migrate
from tests.support.process import Spanhouse
from tests.support.retention import keep_all

SERVER = os.environ.get("SPANHOUSE_TEST_CLICKHOUSE", "")
_NO_SERVER = pytest.mark.skipif(not SERVER, reason="SPANHOUSE_TEST_CLICKHOUSE names no ClickHouse server")


@pytest.fixture(
    scope="session",
    params=[
        "embedded",
        pytest.param("engine over HTTP", marks=pytest.mark.slow),
        pytest.param("server", marks=_NO_SERVER),
    ],
)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Database]:
    """A database at the newest revision, in each of the ways that there are to run one."""
    if request.param == "embedded":
        yield request.getfixturevalue("database")
        return
    directory = tmp_path_factory.mktemp("store")
    opened = engine(directory) if request.param == "engine over HTTP" else served(SERVER, directory)
    with opened as database:
        yield database


@contextmanager
def served(dsn: str, directory: Path) -> Generator[Database]:
    """The database behind a DSN, at the newest revision."""
    database = Database.open(Settings.load(clickhouse=dsn, data_dir=directory))
    try:
        migrate.upgrade(database)
        keep_all(database)
        yield database
    finally:
        database.close()


def dsn(running: Spanhouse) -> str:
    """The DSN of the SQL door of a running `spanhouse up` or `engine`."""
    return f"clickhouse://default:{running.admin_key}@{running.sql.removeprefix('http://')}/spanhouse"


@contextmanager
def engine(directory: Path) -> Generator[Database]:
    """The database of a `spanhouse engine`, over HTTP."""
    with Spanhouse.start("engine", data_dir=directory) as running, served(dsn(running), directory) as database:
        yield database
