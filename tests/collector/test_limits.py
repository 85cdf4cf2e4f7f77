"""What a receiver has no room for: requests too large, bombs, a full spool, full memory; over both transports."""

import gzip
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from spanhouse_collector.signal import Signal
from spanhouse_web.compression import zstd
from tests.collector.receiving import (
    COMPRESS,
    LIMIT,
    Receiver,
    Upload,
    body,
    body_of,
    connected,
    gained,
    head,
    request,
    series,
    status,
)
from tests.support.waiting import until

pytestmark = pytest.mark.slow

KIB = 1024
_BOTH = pytest.mark.parametrize("json", [False, True], ids=["protobuf", "json"])
_EACH = pytest.mark.parametrize("signal", Signal)


def test_a_request_of_just_the_limit_is_taken_and_one_byte_more_is_not(receiver: Receiver) -> None:
    for encoding, compress in COMPRESS.items():
        headers = {"content-encoding": encoding}
        for size, code in ((LIMIT, 200), (LIMIT + 1, 413)):
            content = compress(body_of(size, "as large as can be"))
            answer = receiver.post(Signal.TRACES, content, headers=headers)
            assert answer.status_code == code, (encoding, size)
    assert status(answer).code == 8
    assert not status(answer).details  # with a RetryInfo it would come again


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(receiver: Receiver) -> None:
    with connected(receiver) as connection:
        connection.sendall(head(receiver, LIMIT + 1))
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("port", ["otlp-http", "sql"])
def test_a_head_without_end_is_hung_up_on(receiver: Receiver, port: str) -> None:
    with socket.create_connection(("127.0.0.1", receiver.process.ports[port]), timeout=10) as connection:
        with suppress(ConnectionError):
            connection.sendall(b"POST / HTTP/1.1\r\nx: ")
            for _ in range(100):
                connection.sendall(b"x" * LIMIT)
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


def test_a_body_of_unknown_size_is_refused_once_it_is_too_large(receiver: Receiver) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(17):
            yield bytes(64 * KIB)

    assert receiver.post(Signal.TRACES, chunks()).status_code == 413


_MIB_OF_ZEROS = bytes(KIB * KIB)


def _zlib_bomb(mebibytes: int, wbits: int) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    first = packer.compress(_MIB_OF_ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(_MIB_OF_ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (mebibytes - 1)


def _zstd_bomb(mebibytes: int, **parameters: int) -> bytes:
    options = {int(zstd.CompressionParameter[name]): value for name, value in parameters.items()}
    packer = zstd.ZstdCompressor(options=options)
    return b"".join(packer.compress(_MIB_OF_ZEROS) for _ in range(mebibytes)) + packer.flush()


_BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: _zlib_bomb(900, 16 + zlib.MAX_WBITS),
    "deflate": lambda: _zlib_bomb(900, zlib.MAX_WBITS),
    "deflate, bare": lambda: _zlib_bomb(900, -zlib.MAX_WBITS),
    "zstd": lambda: _zstd_bomb(900),
    "zstd, of a long window": lambda: _zstd_bomb(900, window_log=27),
    "zstd, that says its size": lambda: zstd.compress(200 * _MIB_OF_ZEROS),
}


@pytest.mark.parametrize("kind", _BOMBS)
def test_a_bomb_stops_at_the_limit(receiver: Receiver, kind: str) -> None:
    bomb, encoding = _BOMBS[kind](), kind.partition(",")[0]
    process = psutil.Process(receiver.process.process.pid)
    before = process.memory_info().rss
    assert len(bomb) < LIMIT
    for _ in range(5):
        answer = receiver.post(Signal.TRACES, bomb, headers={"content-encoding": encoding})
        assert answer.status_code == 413
        assert "decompressed" in status(answer).message
    assert process.memory_info().rss - before < 64 * KIB * KIB


def test_a_request_of_too_many_items_is_too_large_however_small_they_are(crowded: Receiver) -> None:
    for number, code in ((1_000_000, 200), (1_000_001, 413)):
        message = request(Signal.LOGS)
        message.resource_logs.add().scope_logs.add().log_records.extend([LogRecord()] * number)
        answer = crowded.post(Signal.LOGS, message.SerializeToString())
        assert answer.status_code == code


# Backpressure.


@_EACH
@_BOTH
def test_a_full_spool_asks_the_client_to_come_again(full: Receiver, signal: Signal, json: bool) -> None:
    answer = full.post(signal, body(signal, "too much", json=json), json=json)
    assert (answer.status_code, status(answer).code) == (503, 14)
    assert "ClickHouse is behind" in status(answer).message
    delay = RetryInfo()
    assert status(answer).details[0].Unpack(delay)
    # The SDKs give up after ten seconds in all.
    assert 0 < delay.retry_delay.seconds == int(answer.headers["retry-after"]) < 10


def test_what_is_no_telemetry_is_answered_as_ever_while_the_spool_is_full(full: Receiver) -> None:
    assert full.post(Signal.TRACES, b"").status_code == 200
    assert full.post(Signal.TRACES, b"\xff").status_code == 400
    assert full.http.get("/health").status_code == 200


def test_requests_past_what_memory_may_hold_are_asked_to_wait_and_smaller_ones_are_taken(crowded: Receiver) -> None:
    slow = Upload(crowded, body_of(200 * KIB, "slow"), first=150 * KIB)
    until(lambda: crowded.metrics()["spanhouse_inflight_bytes"] == 150 * KIB)
    answer = crowded.post(Signal.TRACES, body_of(150 * KIB, "too much now"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "may hold 262144" in status(answer).message
    assert crowded.post(Signal.TRACES, body(Signal.TRACES, "small")).status_code == 200
    assert slow.finish() == 200
    assert crowded.metrics()["spanhouse_inflight_bytes"] == 0
    assert crowded.post(Signal.TRACES, body_of(150 * KIB, "too much then")).status_code == 200


def test_what_a_body_decompresses_to_counts_as_held(crowded: Receiver) -> None:
    slow = Upload(crowded, body_of(200 * KIB, "slower"), first=150 * KIB)
    until(lambda: crowded.metrics()["spanhouse_inflight_bytes"] == 150 * KIB)
    content = gzip.compress(body_of(150 * KIB, "small as sent"))
    assert crowded.post(Signal.TRACES, content, headers={"content-encoding": "gzip"}).status_code == 503
    slow.leave()
    until(lambda: crowded.metrics()["spanhouse_inflight_bytes"] == 0)
    assert crowded.post(Signal.TRACES, content, headers={"content-encoding": "gzip"}).status_code == 200


def test_a_request_alone_is_taken_however_much_memory_it_holds(crowded: Receiver) -> None:
    content = body_of(800 * KIB, "alone")
    assert crowded.post(Signal.TRACES, content).status_code == 200
    packed = gzip.compress(body_of(900 * KIB, "alone, and compressed"), 0)
    assert crowded.post(Signal.TRACES, packed, headers={"content-encoding": "gzip"}).status_code == 200


def test_clients_that_come_again_when_asked_to_get_everything_in_once(crowded: Receiver) -> None:
    before = crowded.metrics()
    with ThreadPoolExecutor(8) as clients:
        tries = list(clients.map(lambda number: _persist(crowded, body_of(100 * KIB, f"mine {number}")), range(40)))
    after = crowded.metrics()
    assert gained(before, after, series("items_total", signal="traces")) == 40
    assert (
        gained(before, after, series("requests_total", outcome="busy", signal="traces", transport="http"))
        == sum(tries) - 40
    )
    assert after["spanhouse_inflight_bytes"] == 0


def _persist(receiver: Receiver, content: bytes) -> int:
    """Send a request until it is taken, and return how often that was."""
    for tries in range(1, 1000):
        answer = receiver.post(Signal.TRACES, content)
        if answer.status_code == 200:
            return tries
        assert answer.status_code == 503, answer.content
        time.sleep(0.01)
    raise AssertionError("it was never taken")


def test_clients_that_send_slowly_hold_up_nobody(receiver: Receiver) -> None:
    slow = [Upload(receiver, body_of(2 * KIB, f"slow {number}"), KIB) for number in range(50)]
    # None of the slow ones ends before these have been answered.
    for number in range(20):
        assert receiver.post(Signal.TRACES, body(Signal.TRACES, f"quick {number}")).status_code == 200
    for upload in slow[:25]:
        upload.leave()
    assert [upload.finish() for upload in slow[25:]] == [200] * 25
    assert receiver.stored(Signal.TRACES, "slow ") == sorted(f"slow {number}" for number in range(25, 50))
