"""Executions after `kill -9`, again and again, while spans come and are settled: as the oracle derives them."""

import random
import threading
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_schema import Database
from tests.support.corpus import parse, recordings, span_by_span
from tests.support.corpus_spans import recorded
from tests.support.expected_executions import assert_settled, expected, stored_calls, stored_executions
from tests.support.process import Spanhouse
from tests.support.stores import dsn, served
from tests.support.waiting import until

pytestmark = pytest.mark.slow

_NAMES = (
    "adk",
    "agno-oi-plus-openai",
    "crewai-oi-plus-openai",
    "langchain-openinference-split",
    "openai-v2",
    "strands",
)
_TENANT = "default"
Requests = list[bytes]


@pytest.mark.parametrize("kills", [2, pytest.param(8, marks=pytest.mark.soak)])
def test_executions_come_right_however_often_everything_is_killed(tmp_path: Path, kills: int) -> None:
    chance = random.Random(20261121)
    everything = _span_by_span()
    # The spans of a trace come before and after kills, in no order.
    chance.shuffle(everything)
    data_dir = tmp_path / "data"
    unacknowledged: Requests = []
    for turn in range(kills):
        with Spanhouse.start("up", data_dir=data_dir) as process:
            # Some that may have been acknowledged come once more.
            requests = unacknowledged + everything[turn::kills] + chance.sample(everything, 5)
            unacknowledged = _send_until_killed(process, requests, chance.uniform(0.2, 4.0))
    with (
        Spanhouse.start("up", data_dir=data_dir) as process,
        served(dsn(process), tmp_path / "client") as database,
    ):
        _send(process, unacknowledged, threading.Event())
        _assert_right(database)
        process.assert_audited()
    # And once more, from a standstill.
    with (
        Spanhouse.start("up", data_dir=data_dir) as process,
        served(dsn(process), tmp_path / "client") as database,
    ):
        _assert_right(database)
        process.assert_audited()


def _assert_right(database: Database) -> None:
    rows = [row for name in _NAMES for row in recorded()[name]]
    executions, calls = expected(rows)
    until(lambda: stored_executions(database, _TENANT) == executions, timeout_s=60)
    until(lambda: stored_calls(database, _TENANT) == calls, timeout_s=60)
    assert_settled(database, _TENANT, rows)


def _send_until_killed(process: Spanhouse, requests: Requests, after_s: float) -> Requests:
    """Send, kill after that time, and return what was not acknowledged."""
    dead = threading.Event()

    def kill() -> None:
        process.kill()
        dead.set()

    killer = threading.Timer(after_s, kill)
    killer.start()
    try:
        return _send(process, requests, dead)
    finally:
        killer.join()


def _send(process: Spanhouse, requests: Requests, dead: threading.Event) -> Requests:
    left = list(requests)
    with httpx.Client(timeout=60, headers={"Content-Type": "application/x-protobuf"}) as client:
        while left and not dead.is_set():
            try:
                answer = client.post(f"{process.http}/v1/traces", content=left[-1])
            except httpx.TransportError:
                # It is dying: whether the request arrived, nobody knows.
                break
            assert answer.status_code == 200, answer.text
            left.pop()
    return left


def _span_by_span() -> Requests:
    """A request for each span of some recordings."""
    found: Requests = []
    for recording in recordings("traces"):
        if recording.name.partition("/")[0] in _NAMES:
            request = parse(recording)
            assert isinstance(request, ExportTraceServiceRequest)
            found += span_by_span(request)
    return found
