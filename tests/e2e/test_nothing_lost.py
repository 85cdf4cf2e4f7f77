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

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 30
AWAY_S = 60


def test_kill_9_thirty_times_under_load(tmp_path: Path) -> None:
    """The clients repeat even what was acknowledged; the kills come at any moment, also while it starts."""
    chance = random.Random(9)
    running = Spanhouse.start(data_dir=tmp_path / "data")
    with Load(running.http, per_second=100, repeat=True).running() as load:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.0, 1.2))
            running.kill()
            running = Spanhouse.start(data_dir=running.data_dir, ports=running.ports, wait=chance.random() < 0.8)
        running.wait_until_ready(f"{running.http}/ready")
        time.sleep(1)
    with running:
        assert len(load.acknowledged) > KILLS
        _assert_stored_once(running, load.acknowledged)
        assert running.stop() == 0


def test_an_engine_that_is_away_for_a_minute_at_two_thousand_spans_a_second(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("otlp-http", "otlp-grpc", "sql")}
    secret = admin_secret(tmp_path / "engine", create=True)
    flags = ("--clickhouse", f"clickhouse://default:{secret}@127.0.0.1:{ports['sql']}/spanhouse")
    engine = Spanhouse.start("engine", data_dir=tmp_path / "engine", ports=ports)
    with Spanhouse.start("collector", data_dir=tmp_path / "collector", flags=flags, ports=ports) as collector:
        with Load(collector.http, per_second=2_000 / SPANS_PER_REQUEST).running() as load:
            time.sleep(3)
            engine.kill()
            time.sleep(AWAY_S)
            engine = Spanhouse.start("engine", data_dir=engine.data_dir, ports=ports)
            time.sleep(3)
        with engine:
            assert load.answers == {}, "a collector acknowledges while its engine is away"
            assert len(load.acknowledged) * SPANS_PER_REQUEST > 1_000 * AWAY_S
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
            deadline = time.monotonic() + 60
            while 503 not in load.answers:
                assert time.monotonic() < deadline, "a full disk was never noticed"
                time.sleep(0.1)
            refusal = httpx.post(f"{running.http}/v1/traces", json=_one_span(), timeout=30)
            assert refusal.status_code == 503
            assert 0 < int(refusal.headers["retry-after"]) < 10
            assert httpx.get(f"{running.http}/ready", timeout=30).status_code == 503
            assert httpx.get(f"{running.http}/health", timeout=30).status_code == 200
            filler.unlink()
            taken = len(load.acknowledged)
            while len(load.acknowledged) < taken + 100:
                assert time.monotonic() < deadline + 60, "it did not recover"
                time.sleep(0.1)
        assert set(load.answers) == {503}
        _assert_stored_once(running, load.acknowledged)


def _assert_stored_once(running: Spanhouse, trace_ids: list[str]) -> None:
    """Each acknowledged request has each of its spans once, in the raw table and in the one that hangs on it."""
    _wait_until_loaded(running, len(set(trace_ids)))
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
    deadline = time.monotonic() + 10
    while (found := int(running.sql_text("SELECT count() FROM otel_traces_trace_id_ts"))) != len(trace_ids):
        assert found < len(trace_ids), f"{found} of {len(trace_ids)}"
        assert time.monotonic() < deadline, f"{found} of {len(trace_ids)}"
        time.sleep(0.1)
    running.assert_audited()


def _wait_until_loaded(running: Spanhouse, traces: int) -> None:
    deadline = time.monotonic() + 120
    while (found := int(running.sql_text("SELECT uniqExact(TraceId) FROM otel_traces"))) < traces:
        assert time.monotonic() < deadline, f"{found} of {traces} requests were loaded:\n{running.log()[-3000:]}"
        time.sleep(0.2)


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
