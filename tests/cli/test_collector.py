"""`spanhouse collector` and `spanhouse engine`: the two halves of `up`, in processes of their own."""

import json
from pathlib import Path

import httpx
import pytest

from spanhouse_schema.access.admin_secret import admin_secret
from tests.cli.otlp import send
from tests.support.process import Spanhouse, free_port, run
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def test_a_collector_takes_requests_while_its_engine_is_away_and_loads_them_when_it_comes(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("otlp-http", "otlp-grpc", "sql")}
    secret = admin_secret(tmp_path / "engine", create=True)
    dsn = f"clickhouse://default:{secret}@127.0.0.1:{ports['sql']}/spanhouse"
    flags = ("--clickhouse", dsn)
    with Spanhouse.start(
        "collector", data_dir=tmp_path / "collector", flags=flags, ports=ports, wait=False
    ) as collector:
        collector.wait_until_ready(f"{collector.http}/health")
        assert send(collector.http, "before the engine") == 200
        assert httpx.get(f"{collector.http}/ready", timeout=30).status_code == 503
        with Spanhouse.start("engine", data_dir=tmp_path / "engine", ports=ports) as engine:
            _wait_for_rows(engine, 1)
            collector.wait_until_ready(f"{collector.http}/ready")
            assert send(collector.http, "with the engine") == 200
            assert collector.stop() == 0
            _wait_for_rows(engine, 2)
            assert engine.stop() == 0
        assert secret not in collector.log()


def test_an_outage_is_told_in_a_few_lines_of_ours(tmp_path: Path) -> None:
    flags = ("--clickhouse", f"clickhouse://127.0.0.1:{free_port()}")
    with Spanhouse.start("collector", data_dir=tmp_path / "data", flags=flags, wait=False) as collector:
        collector.wait_until_ready(f"{collector.http}/health")
        assert send(collector.http, "waits") == 200
        until(lambda: collector.log().count("not loaded yet") == 3)
        assert collector.stop() == 0
    logged = [json.loads(line) for line in collector.log().splitlines() if line.startswith("{")]
    assert all(line["logger"].startswith("spanhouse") for line in logged), "the libraries are silent"


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    result = run("migrate", "status", "--clickhouse", f"clickhouse://{address}", "--data-dir", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr == f"spanhouse migrate: nothing answers at http://{address}: Connection refused\n"


def test_two_collectors_do_not_share_a_data_directory(tmp_path: Path) -> None:
    flags = ("--clickhouse", f"clickhouse://127.0.0.1:{free_port()}")
    with Spanhouse.start("collector", data_dir=tmp_path / "data", flags=flags, wait=False) as first:
        first.wait_until_ready(f"{first.http}/health")
        second = Spanhouse.start("collector", data_dir=tmp_path / "data", flags=flags, wait=False)
        assert second.process.wait(30) == 1
        assert f"in use by process {first.process.pid}" in second.log()


def _wait_for_rows(engine: Spanhouse, count: int) -> None:
    until(lambda: engine.sql_text("SELECT count() FROM otel_traces") == str(count), timeout_s=30)
