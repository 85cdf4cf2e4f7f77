"""Hostile bytes on every endpoint: each is answered clearly or hung up on, and no harm is done.

`SPANHOUSE_FUZZ_SECONDS` says for how long in all, and draws a new seed unless `SPANHOUSE_FUZZ_SEED` names one. A
failure names its case; `SPANHOUSE_FUZZ_CASE` runs that one alone.
"""

import os
import secrets
import socket
import struct
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from itertools import count
from random import Random
from urllib.parse import quote_from_bytes

import grpc
import httpx
import psutil
import pytest

from spanhouse_collector.signal import Signal
from tests.collector import hostile
from tests.collector.receiving import JSON, PROTOBUF, RESPONSES, Receiver, body, head, response, status

SECONDS = float(os.environ.get("SPANHOUSE_FUZZ_SECONDS", "8"))
SEED = os.environ.get("SPANHOUSE_FUZZ_SEED") or (
    secrets.token_hex(4) if "SPANHOUSE_FUZZ_SECONDS" in os.environ else "0"
)
ONLY = os.environ.get("SPANHOUSE_FUZZ_CASE", "")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 120)]

MIB = 1024 * 1024
# A client that waits for longer than this takes the receiver for dead.
_PATIENCE_S = 10


def fuzz(share: float, attack: Callable[[Random], None]) -> None:
    """Attack again and again, for a share of the time."""
    deadline = time.monotonic() + SECONDS * share
    for number in count():
        case = ONLY or f"{SEED}-{number}"
        try:
            attack(Random(case))
        except BaseException as error:
            error.add_note(f"again: SPANHOUSE_FUZZ_CASE={case}")
            raise
        if ONLY or time.monotonic() > deadline:
            print(f"{number + 1} cases of seed {SEED}")
            return


@contextmanager
def unharmed(receiver: Receiver) -> Generator[None]:
    """Fails unless the receiver is afterwards what it was before: it stores requests, and holds nothing more."""
    store_all(receiver)
    before, dead = resources(receiver), dead_letters(receiver)
    yield
    assert receiver.process.process.poll() is None, receiver.process.log()
    store_all(receiver)
    assert dead_letters(receiver) == dead
    assert receiver.metrics()["spanhouse_inflight_bytes"] == 0
    after = settled(receiver, before)
    assert after["connections"] <= before["connections"] + 2
    # The engine opens each library of the process, once, to name what stands in a stack trace.
    assert after["files"] <= before["files"] + 200
    assert after["bytes"] <= before["bytes"] + 256 * MIB
    assert "Traceback" not in receiver.process.log()


def store_all(receiver: Receiver) -> None:
    """Send a request of each signal over each transport, and see it stored."""
    name = f"good {time.time_ns()}"
    for signal in Signal:
        assert receiver.post(signal, body(signal, f"{name} http")).status_code == 200
        assert receiver.call(signal, body(signal, f"{name} grpc")) == b""
    for signal in Signal:
        assert receiver.stored(signal, name) == [f"{name} grpc", f"{name} http"]


def dead_letters(receiver: Receiver) -> dict[str, float]:
    return {name: value for name, value in receiver.metrics().items() if "dead_letters" in name}


def resources(receiver: Receiver) -> dict[str, int]:
    process = psutil.Process(receiver.process.process.pid)
    return {
        "connections": sum(1 for one in process.net_connections("tcp") if one.status != psutil.CONN_LISTEN),
        "files": process.num_fds(),
        "bytes": process.memory_info().rss,
    }


def settled(receiver: Receiver, before: dict[str, int]) -> dict[str, int]:
    """The resources once they are down to what they were, or after ten seconds."""
    deadline = time.monotonic() + 10
    while (after := resources(receiver))["connections"] > before["connections"] and time.monotonic() < deadline:
        time.sleep(0.1)
    return after


def test_fuzz_of_exports_over_http(receiver: Receiver) -> None:
    def attack(random: Random) -> None:
        signal, is_json = random.choice(list(Signal)), random.random() < 0.5
        encoding, content = "", hostile.content(random, signal, is_json=is_json)
        if random.random() < 0.4:
            encoding, content = hostile.compressed(random, content)
        claimed = is_json if random.random() < 0.95 else not is_json
        headers = {"content-encoding": encoding} if encoding else {}
        answer = receiver.post(signal, content, json=claimed, headers=headers)
        assert answer.headers["content-type"] == (JSON if claimed else PROTOBUF)
        if answer.status_code == 200:
            response(signal, answer)
        else:
            assert answer.status_code in {400, 413, 415}, (answer.status_code, content[:200])
            assert status(answer).message
            assert len(answer.content) < 16 * 1024

    with unharmed(receiver):
        fuzz(0.35, attack)


def test_fuzz_of_exports_over_grpc(receiver: Receiver) -> None:
    def attack(random: Random) -> None:
        signal = random.choice(list(Signal))
        content = hostile.content(random, signal, is_json=random.random() < 0.05)
        if random.random() < 0.1:
            content = random.choice(list(hostile.bombs().values()))
        compression = random.choice(list(grpc.Compression))
        assert _called(receiver, signal, content, compression) in _ANSWERED, content[:200]

    with unharmed(receiver):
        fuzz(0.2, attack)


_ANSWERED = (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)


def _called(receiver: Receiver, signal: Signal, content: bytes, compression: grpc.Compression) -> grpc.StatusCode:
    """The code that a call ends with."""
    try:
        RESPONSES[signal].FromString(receiver.call(signal, content, compression=compression))
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_fuzz_of_bytes_on_each_port(receiver: Receiver) -> None:
    ports = receiver.process.ports

    def attack(random: Random) -> None:
        content = hostile.content(random, Signal.TRACES, is_json=False)
        sent = hostile.dialogue(random, head(receiver, len(content)) + content)
        answer = said(ports[random.choice(list(ports))], sent, random)
        if answer.startswith(b"HTTP/"):
            assert b"100" <= answer.split()[1] < b"500", (answer[:300], sent[:300])

    with unharmed(receiver):
        fuzz(0.2, attack)


def said(port: int, sent: bytes, random: Random) -> bytes:
    """What the server says to these bytes before the client hangs up, gently or not, soon or at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as connection:
        answer = b""
        with suppress(ConnectionError, TimeoutError):
            connection.sendall(sent)
            connection.settimeout(random.choice([0.0001, 0.05]))
            while len(answer) < 1000 and (more := connection.recv(1000)):
                answer += more
        if random.random() < 0.5:
            # A reset instead of a goodbye.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return answer


def test_fuzz_of_what_the_collector_says_of_itself(receiver: Receiver) -> None:
    def attack(random: Random) -> None:
        path = random.choice(["/health", "/ready", "/metrics", "/", "/v1/", "/v1/traces", "/metrics/"])
        query = quote_from_bytes(random.randbytes(random.choice([0, 0, 3, 500])))
        content = random.randbytes(random.choice([0, 0, 10, 100_000]))
        method = random.choice(["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "PROPFIND"])
        answer = receiver.http.request(method, f"{path}?{query}", content=content)
        assert answer.status_code in {200, 401, 404, 405}, (method, path, query)

    with unharmed(receiver):
        fuzz(0.05, attack)


_STATEMENTS = (
    b"SELECT 1",
    b"SELECT {x:Array(String)}, {y:Int8} FORMAT JSON",
    b"SELECT count() FROM otel_traces WHERE SpanName LIKE '%x%' SETTINGS max_threads = 1",
    b'INSERT INTO fuzzed FORMAT JSONEachRow {"a": 1, "b": "x"}\n{"a": 2}',
    b"INSERT INTO fuzzed FORMAT CSV\n1,x\n2,y\n",
    b"INSERT INTO fuzzed VALUES (1, 'x'), (2, 'y')",
)
_PARAMETERS = (
    *("wait_end_of_query", "compress", "decompress", "session_id", "session_timeout", "session_check", "buffer_size"),
    *("param_x", "param_y", "database", "default_format", "query", "query_id", "enable_http_compression"),
    *("max_block_size", "max_query_size", "no_such_setting", "", "close_session", "http_zlib_compression_level"),
    *("user", "password", "role", "quota_key", "stacktrace", "client_protocol_version"),
)
_VALUES = (b"0", b"1", b"-1", b"x", b"", b"\xff", b"\x00", b"9" * 30, b"['a']", b"[", b"system", b"JSON", b"SELECT 2")


def test_fuzz_of_the_sql_door(receiver: Receiver) -> None:
    receiver.process.sql_text("CREATE TABLE IF NOT EXISTS fuzzed (a UInt8, b String) ENGINE = Memory")
    key = {"x-clickhouse-key": receiver.process.admin_key}

    def attack(random: Random) -> None:
        content = random.choice([random.choice(_STATEMENTS), random.randbytes(100)])
        content = hostile.mutate(random, content) if random.random() < 0.7 else content
        encoding, packed = hostile.compressed(random, content) if random.random() < 0.4 else ("", content)
        given = [(random.choice(_PARAMETERS), random.choice(_VALUES)) for _ in range(random.choice([0, 0, 1, 3]))]
        query = "&".join(f"{name}={quote_from_bytes(value)}" for name, value in given)
        headers = {**(key if random.random() < 0.95 else {}), **({"content-encoding": encoding} if encoding else {})}
        answer = client.post(f"/?{query}", content=packed, headers=headers)
        # ClickHouse says 500 of much that is the client's mistake; a failure of ours has no code.
        code = int(answer.headers.get("x-clickhouse-exception-code", 0))
        assert answer.is_success or code not in {0, 49, 1001, 1002}, (answer.text[-2000:], content, given)

    with unharmed(receiver), httpx.Client(base_url=receiver.process.sql, timeout=_PATIENCE_S) as client:
        fuzz(0.2, attack)
