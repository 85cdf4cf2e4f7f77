"""Fixtures that every test may ask for."""

import os
from collections.abc import Generator

import pytest

from spanhouse_schema import Database, Settings, migrate

pytest_plugins = ["tests.stores"]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of this run: a data directory of its own, nothing from the environment that the tests start in."""
    return Settings.load(data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def database(settings: Settings) -> Generator[Database]:
    """The embedded engine at the newest revision, one for the whole run: chDB opens one directory a process.

    Tests keep apart by tenant.
    """
    database = Database.open(settings)
    migrate.upgrade(database)
    database.filter_rows()
    yield database
    database.close()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No SPANHOUSE_* or OTEL_* variable of the developer's shell reaches a test."""
    for name in list(os.environ):
        if name.startswith(("SPANHOUSE_", "OTEL_")) and not name.startswith(("SPANHOUSE_TEST_", "SPANHOUSE_FUZZ_")):
            monkeypatch.delenv(name)
