"""Nothing lost, nothing twice: whatever is killed, away or full, each acknowledged request is stored exactly once."""

import json
import random
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from spanhouse_schema.access.admin_secret import admin_secret
from tests.e2e.load import SPANS_PER_REQUEST, Load
from tests.support.process import Spanhouse, free_port
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("kills", [8, pytest.param(30, marks=pytest.mark.soak)])
def test_kill_9_again_and_again_under_load(tmp_path: Path, kills: int) -> None:
    """The clients repeat even what was acknowledged; the kills come at any moment, also while it starts."""
    chance = random.Random(9)
    running = Spanhouse.start(data_dir=tmp_path / "data")
    with Load(running.http, per_second=100, repeat=True).running() as load:
        for _ in range(kills):
            time.sleep(chance.uniform(0.0, 1.2))
            running.kill()
            running = Spanhouse.start(data_dir=running.data_dir, ports=running.ports, wait=chance.random() < 0.8)
        running.wait_until_ready(f"{running.http}/ready")
        time.sleep(1)
    with running:
        assert len(load.acknowledged) > kills
        _assert_stored_once(running, load.acknowledged)
        assert running.stop() == 0


@pytest.mark.parametrize("away_s", [12, pytest.param(60, marks=pytest.mark.soak)])
def test_an_engine_that_is_away_at_two_thousand_spans_a_second(tmp_path: Path, away_s: int) -> None:
    ports = {name: free_port() for name in ("otlp-http", "otlp-grpc", "sql")}
    secret = admin_secret(tmp_path / "engine", create=True)
    flags = ("--clickhouse", f"clickhouse://default:{secret}@127.0.0.1:{ports['sql']}/spanhouse")
    engine = Spanhouse.start("engine", data_dir=tmp_path / "engine", ports=ports)
    with Spanhouse.start("collector", data_dir=tmp_path / "collector", flags=flags, ports=ports) as collector:
        with Load(collector.http, per_second=2_000 / SPANS_PER_REQUEST).running() as load:
            time.sleep(3)
            engine.kill()
            time.sleep(away_s)
            engine = Spanhouse.start("engine", data_dir=engine.data_dir, ports=ports)
            time.sleep(3)
        with engine:
            assert load.answers == {}, "a collector acknowledges while its engine is away"
            assert len(load.acknowledged) * SPANS_PER_REQUEST > 1_000 * away_s
            _assert_stored_once(engine, load.acknowledged)
            assert collector.stop() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 48 MiB for the spool."""
    disk = tmp_path / "data" / "spool"
    disk.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_asks_clients_to_wait_and_recovers_when_there_is_room(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with Spanhouse.start(data_dir=small_disk.parent) as running:
        with Load(running.http, per_second=200).running() as load:
            time.sleep(1)
            _fill(filler)
            until(lambda: 503 in load.answers, timeout_s=60)
            refusal = httpx.post(f"{running.http}/v1/traces", json=_one_span(), timeout=30)
            assert refusal.status_code == 503
            assert 0 < int(refusal.headers["retry-after"]) < 10
            assert httpx.get(f"{running.http}/ready", timeout=30).status_code == 503
            assert httpx.get(f"{running.http}/health", timeout=30).status_code == 200
            filler.unlink()
            taken = len(load.acknowledged)
            until(lambda: len(load.acknowledged) >= taken + 100, timeout_s=60)
        assert set(load.answers) == {503}
        _assert_stored_once(running, load.acknowledged)


def _assert_stored_once(running: Spanhouse, trace_ids: list[str]) -> None:
    """Each acknowledged request has each of its spans once, in the raw table and in the one that hangs on it."""
    distinct = len(set(trace_ids))
    until(lambda: int(running.sql_text("SELECT uniqExact(TraceId) FROM otel_traces")) >= distinct, timeout_s=120)
    stored = json.loads(
        running.sql_text(
            "SELECT TraceId, count() AS spans, uniqExact(SpanId) AS span_ids FROM otel_traces GROUP BY TraceId "
            "FORMAT JSONCompact SETTINGS output_format_json_quote_64bit_integers = 0"
        )
    )["data"]
    assert sorted(row[0] for row in stored) == sorted(trace_ids)
    wrong = [row for row in stored if row[1:] != [SPANS_PER_REQUEST, SPANS_PER_REQUEST]]
    assert wrong == []
    # It hangs on the raw table, and is written a moment after it.
    looked_up = "SELECT count() FROM otel_traces_trace_id_ts"
    until(lambda: int(running.sql_text(looked_up)) >= len(trace_ids))
    assert int(running.sql_text(looked_up)) == len(trace_ids)
    running.assert_audited()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(64 * 1024))
        except OSError:
            return


def _one_span() -> dict[str, object]:
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "late"}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
