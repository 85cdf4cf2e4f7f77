"""Every store that raw rows may stand in: the tests that ask for `store` run once against each."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spanhouse_schema import Database, Settings, migrate
from tests.process import Spanhouse

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
    opened = _engine(directory) if request.param == "engine over HTTP" else _served(SERVER, directory)
    with opened as database:
        yield database


@contextmanager
def _engine(directory: Path) -> Generator[Database]:
    with Spanhouse.start("engine", data_dir=directory) as engine:
        address = engine.sql.removeprefix("http://")
        with _served(f"clickhouse://default:{engine.admin_key}@{address}/spanhouse", directory) as database:
            yield database


@contextmanager
def _served(dsn: str, directory: Path) -> Generator[Database]:
    database = Database.open(Settings.load(clickhouse=dsn, data_dir=directory))
    try:
        migrate.upgrade(database)
        yield database
    finally:
        database.close()
