"""Fixtures that every test may ask for."""

import os
import signal
from collections import Counter
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path

import pytest

from spanhouse_schema import Database, Settings
from spanhouse_schema.access import row_filters
from spanhouse_schema.clickhouse import migrate
from tests.support import first_start
from tests.support.process import started_before

pytest_plugins = ["tests.support.stores"]

# A shell that starts the tests in the background has them ignore Ctrl-C, and so every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Files by parts of their names.
_BEGUN_FIRST = (
    *("test_docs", "test_nothing_lost", "test_records_laws", "test_discovery", "cli/test_rebuild", "test_executions"),
    *("schema/test_rebuild", "daily_crashes", "test_budgets", "daily_zones", "test_running", "test_prices"),
    *(
        "test_audit",
        "test_statement_log",
        "test_up",
        "test_retries",
        "test_loader_away",
        "test_performance",
        "test_migrate",
    ),
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Among several processes, begin with the files that take longest: no core waits for one of them at the end."""
    if not hasattr(config, "workerinput"):
        return
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (_rank(item.path), -tests[item.path]))


def _rank(path: Path) -> int:
    found = (rank for rank, name in enumerate(_BEGUN_FIRST) if name in path.as_posix())
    return next(found, len(_BEGUN_FIRST))


@pytest.fixture(scope="session", autouse=True)
def _first_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a first start leaves is made once for all workers, in the directory that theirs are in."""
    own = tmp_path_factory.getbasetemp()
    first_start.share(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of this run: a data directory of its own, nothing from the environment that the tests start in."""
    return Settings.load(data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def database(settings: Settings) -> Generator[Database]:
    """The embedded engine at the newest revision, one for the whole run: chDB opens one directory a process.

    Tests keep apart by tenant.
    """
    started_before(settings.data_dir)
    database = Database.open(settings)
    migrate.upgrade(database, timezone=settings.timezone, default_budget_usd=Decimal(5))
    row_filters.enforce(database)
    yield database
    database.close()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No SPANHOUSE_* or OTEL_* variable of the developer's shell reaches a test."""
    for name in list(os.environ):
        if name.startswith(("SPANHOUSE_", "OTEL_")) and not name.startswith(("SPANHOUSE_TEST_", "SPANHOUSE_FUZZ_")):
            monkeypatch.delenv(name)
