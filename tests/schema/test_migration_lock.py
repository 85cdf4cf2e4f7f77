"""One process at a time migrates a server, and one that was killed keeps nobody out."""

import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest

from spanhouse_schema import Database, DatabaseBusy
from spanhouse_schema.clickhouse import migration_lock, table_lock
from tests.support.process import Spanhouse, environment
from tests.support.stores import dsn, served

pytestmark = pytest.mark.slow

LOCKS = "SELECT count() FROM system.tables WHERE database = 'spanhouse' AND name LIKE 'migration\\\\_lock%'"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Spanhouse]:
    """An engine over HTTP: to us a server, which others may migrate too."""
    with Spanhouse.start("engine", data_dir=tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="module")
def server(engine: Spanhouse, tmp_path_factory: pytest.TempPathFactory) -> Generator[Database]:
    """Its database."""
    with served(dsn(engine), tmp_path_factory.mktemp("client")) as database:
        yield database


@pytest.fixture
def holder(engine: Spanhouse, tmp_path: Path) -> Generator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is ended."""
    command = [sys.executable, "-m", "tests.schema.lock_holder", dsn(engine), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_migration_waits_for_one_that_is_at_it_however_long_and_names_it(
    server: Database, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_lock, "EXPIRES_AFTER_S", 2)
    monkeypatch.setattr(migration_lock, "PATIENCE_S", 5)
    with pytest.raises(DatabaseBusy, match=f"process {holder.pid} on "), migration_lock.held(server):
        pytest.fail("two hold the lock")


def test_a_migration_that_was_killed_does_not_block_the_next(
    server: Database, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder.kill()
    holder.wait()
    assert server.rows(LOCKS) == [(1,)]
    monkeypatch.setattr(table_lock, "EXPIRES_AFTER_S", 1)
    with migration_lock.held(server):
        assert server.rows(LOCKS) == [(1,)], "the lock of the dead has gone"
    assert server.rows(LOCKS) == [(0,)]


def test_of_many_at_once_one_holds_the_lock_and_each_gets_it(server: Database) -> None:
    inside, entered = Lock(), []

    def enter(number: int) -> None:
        with migration_lock.held(server):
            assert inside.acquire(blocking=False), "two hold the lock"
            entered.append(number)
            server.rows("SELECT sleep(0.02)")
            inside.release()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(enter, range(12)))
    assert sorted(entered) == list(range(12))
    assert server.rows(LOCKS) == [(0,)]
