"""Several collectors share a server: one settles what all of them insert, and when it goes another one does."""

import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from spanhouse_collector.signal import Signal
from spanhouse_schema import Database
from spanhouse_schema.clickhouse import table_lock
from spanhouse_schema.clickhouse.table_lock import TableLock
from spanhouse_schema.derive.settling import settle
from spanhouse_schema.proof.audit import Selection, audit
from tests.collector import short_lease
from tests.collector.receiving import Receiver, body
from tests.support.corpus_spans import span
from tests.support.insert_rows import insert
from tests.support.process import Spanhouse, environment, free_port
from tests.support.stores import dsn, served
from tests.support.waiting import until

pytestmark = pytest.mark.slow

LEASES = "FROM system.tables WHERE database = 'spanhouse' AND name LIKE 'settler\\\\_lease%'"
AGENT, CHAT = {"gen_ai.operation.name": "invoke_agent"}, {"gen_ai.operation.name": "chat"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Spanhouse]:
    """An engine over HTTP: to collectors a server, which they share."""
    with Spanhouse.start("engine", data_dir=tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="module")
def server(engine: Spanhouse, tmp_path_factory: pytest.TempPathFactory) -> Generator[Database]:
    """Its database."""
    with served(dsn(engine), tmp_path_factory.mktemp("client")) as database:
        yield database


class Runs:
    """Runs of an agent, each a trace with a model call, inserted by somebody who nudges no settler."""

    def __init__(self, database: Database, tenant: str, directory: Path) -> None:
        self._database = database
        self._tenant = tenant
        self._directory = directory
        self.inserted = 0

    def insert_until(self, condition: Callable[[], bool]) -> None:
        """Insert one after the other until the condition holds."""
        while not condition():
            self.inserted += 1
            trace = {"TraceId": f"{self.inserted:032x}"}
            rows = [span("a", AGENT, **trace), span("b", CHAT, "a", **trace)]
            insert(self._database, {self._tenant: rows}, self._directory)

    def assert_counted_once(self) -> None:
        """Each has been settled, and counts once on its day."""
        every = self.inserted, self.inserted
        until(lambda: self._sums("count()", "ModelCalls", "agent_executions FINAL", "TenantId") == every, 60)
        until(lambda: self._sums("sum(tasks_attempted)", "total_llm_calls", "agent_performance_daily") == every)
        assert audit(self._database, Selection(tenant=self._tenant)).is_clean

    def _sums(self, runs: str, calls: str, table: str, tenant: str = "tenant_id") -> tuple[int, int]:
        query = f"SELECT {runs}, sum({calls}) FROM spanhouse.{table} WHERE {tenant} = '{self._tenant}'"
        ((found, called),) = self._database.rows(query)
        return int(found), int(called)


def test_of_two_collectors_one_settles_and_as_soon_as_it_stops_the_other_does(
    engine: Spanhouse, server: Database, tmp_path: Path
) -> None:
    runs, flags = Runs(server, "stopped", tmp_path), ("--clickhouse", dsn(engine))
    with (
        _speaking(Spanhouse.start("collector", data_dir=tmp_path / "leader", flags=flags)) as leader,
        _speaking(Spanhouse.start("collector", data_dir=tmp_path / "standby", flags=flags)) as standby,
    ):
        until(lambda: _leads(leader))
        until(lambda: f"process {leader.process.process.pid} on " in standby.process.log())
        assert standby.post(Signal.TRACES, body(Signal.TRACES, "of the standby")).status_code == 200
        runs.insert_until(lambda: _settled(leader) > 3)
        assert _settled(standby) == 0
        leader.process.stop()
        # Long before its lease would have expired.
        until(lambda: _leads(standby), table_lock.EXPIRES_AFTER_S / 2)
        runs.insert_until(lambda: _settled(standby) > 3)
        runs.assert_counted_once()
    assert server.rows(f"SELECT name {LEASES}") == []


def test_when_the_leader_is_killed_another_one_takes_over_and_each_run_is_counted_once(
    engine: Spanhouse, server: Database, tmp_path: Path
) -> None:
    runs = Runs(server, "killed", tmp_path)
    with _collector(engine, tmp_path / "leader") as leader:
        until(lambda: _leads(leader))
        with _collector(engine, tmp_path / "standby") as standby:
            runs.insert_until(lambda: _settled(leader) > 3)
            leader.process.kill()
            assert _settled(standby) == 0
            runs.insert_until(lambda: _leads(standby))
            runs.assert_counted_once()


def test_a_collector_that_loses_its_lease_stands_by_until_nobody_else_has_one(
    engine: Spanhouse, server: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_lock, "TOUCHED_EVERY_S", short_lease.TOUCHED_EVERY_S)
    # It takes the collector for dead between two of its touches.
    monkeypatch.setattr(table_lock, "EXPIRES_AFTER_S", 0)
    runs, lease = Runs(server, "lost", tmp_path), TableLock(server, "settler_lease_")
    with _collector(engine, tmp_path / "collector") as collector:
        runs.insert_until(lambda: _settled(collector) > 3)
        until(lambda: lease.take() == [])
        until(lambda: "stands by" in collector.process.log())
        assert not _leads(collector)
        settled, until_ten_more = _settled(collector), runs.inserted + 10
        runs.insert_until(lambda: runs.inserted == until_ten_more)
        settle(server)
        assert _settled(collector) == settled
        lease.release()
        until(lambda: _leads(collector))
        runs.insert_until(lambda: _settled(collector) > settled)
        runs.assert_counted_once()


def test_a_leader_that_cannot_renew_its_lease_leads_no_more_until_it_can(engine: Spanhouse, tmp_path: Path) -> None:
    with _collector(engine, tmp_path / "collector") as collector:
        until(lambda: _leads(collector))
        engine.process.send_signal(SIGSTOP)
        try:
            until(lambda: not _leads(collector))
        finally:
            engine.process.send_signal(SIGCONT)
        until(lambda: _leads(collector))


@contextmanager
def _collector(engine: Spanhouse, directory: Path) -> Generator[Receiver]:
    """A collector whose lease expires soon after it was killed."""
    ports = {name: free_port() for name in ("otlp-http", "otlp-grpc", "sql")}
    where = ("--data-dir", str(directory), "--clickhouse", dsn(engine))
    listens = (f"--{name}=127.0.0.1:{ports[name]}" for name in ("otlp-http", "otlp-grpc"))
    command = [sys.executable, "-m", short_lease.__name__, "collector", *where, *listens]
    log_path = directory.with_suffix(".log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment())
    running = Spanhouse(process, directory, log_path, ports, None)
    with running:
        running.wait_until_ready(f"{running.http}/ready")
        with _speaking(running) as receiver:
            yield receiver


@contextmanager
def _speaking(collector: Spanhouse) -> Generator[Receiver]:
    """A collector that is spoken to; it ends with the block."""
    with collector:
        receiver = Receiver(collector)
        try:
            yield receiver
        finally:
            receiver.close()


def _leads(collector: Receiver) -> bool:
    return collector.metrics()["spanhouse_settler_is_leader"] == 1


def _settled(collector: Receiver) -> float:
    return collector.metrics()["spanhouse_settled_traces_total"]
