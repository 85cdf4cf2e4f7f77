"""Fixtures that every test may ask for."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

import certifi
import hypothesis
import pytest

from spanhouse_schema import Database, Settings
from spanhouse_schema.access import row_filters
from spanhouse_schema.clickhouse import migrate
from tests.support import durations, first_start, forks
from tests.support.process import started_before
from tests.support.retention import keep_all

pytest_plugins = ["tests.support.stores"]

# Hypothesis would fail an example that took longer than a fifth of a second, which a busy machine makes of any.
hypothesis.settings.register_profile("spanhouse", deadline=None)
hypothesis.settings.load_profile("spanhouse")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make check` and `make durations` say."""
    parser.addoption("--quick", action="store_true", help="run only what takes a few seconds a file at most")
    parser.addoption("--record-durations", action="store_true", help="write how long each file takes")


def pytest_configure(config: pytest.Config) -> None:
    """Record in the process that hears of all tests, whichever of them run them."""
    if config.getoption("--record-durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(durations.Recorder())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not quick, where only that is asked for; among several processes, begin with the longest."""
    if config.getoption("--quick"):
        config.hook.pytest_deselected(items=[item for item in items if not durations.is_quick(item)])
        items[:] = filter(durations.is_quick, items)
    if hasattr(config, "workerinput"):
        durations.longest_first(items)


@pytest.fixture(scope="session", autouse=True)
def _first_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a first start leaves is made once for all workers, in the directory that theirs are in."""
    own = tmp_path_factory.getbasetemp()
    first_start.share(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session", autouse=True)
def _forks() -> Generator[None]:
    """What is forked for the tests ends with them."""
    yield
    forks.end()


@pytest.fixture(scope="session", autouse=True)
def _one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """HTTP clients trust one authority instead of all: loading those takes each client thirty milliseconds."""
    begin, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----\n")
    file = tmp_path_factory.mktemp("tls") / "authority.pem"
    file.write_text(begin + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


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
    migrate.upgrade(database)
    keep_all(database)
    row_filters.enforce(database)
    yield database
    database.close()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No SPANHOUSE_* or OTEL_* variable of the developer's shell reaches a test."""
    for name in list(os.environ):
        if name.startswith(("SPANHOUSE_", "OTEL_")) and not name.startswith(("SPANHOUSE_TEST_", "SPANHOUSE_FUZZ_")):
            monkeypatch.delenv(name)
