"""What every client relies on, as a reader: compression, errors, large results, what it sends unasked."""

import gzip
import json
import zlib
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import httpx
import lz4.frame
import psutil
import pytest

from spanhouse_api.sql.framing import FrameReader
from spanhouse_schema import Database
from tests.api.conftest import Door
from tests.support.process import Spanhouse, run
from tests.support.waiting import until

_FAILING = "SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(4000000)"


def _unframed(body: bytes) -> bytes:
    reader = FrameReader()
    data = b"".join(reader.decode(body))
    reader.finish()
    return data


@pytest.mark.parametrize(
    ("encoding", "unpack"), [("gzip", gzip.decompress), ("deflate", zlib.decompress), ("lz4", lz4.frame.decompress)]
)
def test_a_reply_is_compressed_as_asked(acme: httpx.Client, encoding: str, unpack: object) -> None:
    asked = {"enable_http_compression": "1"}
    headers = {"accept-encoding": encoding}
    with acme.stream("POST", "/", params=asked, headers=headers, content="SELECT number FROM numbers(9)") as reply:
        body = b"".join(reply.iter_raw())
    assert reply.headers["content-encoding"] == encoding
    assert callable(unpack)
    assert unpack(body) == b"".join(b"%d\n" % number for number in range(9))


@pytest.mark.parametrize(
    ("statement", "code"),
    [("SELECT number FROM numbers(3)", ""), ("SELECT nope", "47"), ("SELECT file('x')", "497"), ("SELEC", "62")],
)
def test_what_asks_for_clickhouses_framing_gets_it_for_an_error_too(
    acme: httpx.Client, statement: str, code: str
) -> None:
    reply = acme.post("/", params={"compress": "1"}, content=statement)
    text = _unframed(reply.content).decode()
    assert reply.headers.get("x-clickhouse-exception-code", "") == code
    assert text.startswith(f"Code: {code}. DB::Exception: " if code else "0\n1\n2\n")


def test_a_wrong_key_is_told_in_frames_too(door: Door) -> None:
    reply = httpx.post(door.url, params={"compress": "1", "password": "wrong"}, content="SELECT 1")
    assert reply.status_code == 403
    assert b"AUTHENTICATION_FAILED" in _unframed(reply.content)


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_an_error_in_mid_stream_stands_at_the_end_of_what_was_sent(acme: httpx.Client, compression: str) -> None:
    asked = {"enable_http_compression": "1"} if compression else {}
    pieces: list[bytes] = []
    with (
        acme.stream("POST", "/", params=asked, headers={"accept-encoding": "gzip"}, content=_FAILING) as reply,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        pieces.extend(iter(reply.iter_raw()))
    body = b"".join(pieces)
    data, _, tail = (zlib.decompressobj(31).decompress(body) if compression else body).partition(b"\r\n__exception__")
    assert reply.status_code == 200
    assert data.startswith(b"0\t0\n")
    assert b"Code: 395. DB::Exception: boom" in tail


def test_a_reader_who_goes_away_cancels_the_statement(acme: httpx.Client, database: Database) -> None:
    asked = "SELECT count() FROM system.processes WHERE position(query, 'gone') > 0 AND query NOT LIKE '%processes%'"
    with acme.stream("POST", "/", content="SELECT number, 'gone' FROM numbers(5000000000)") as reply:
        assert next(reply.iter_raw())
        assert database.rows(asked) == [(1,)]
    until(lambda: database.rows(asked) == [(0,)], 10)


def test_the_query_id_comes_in_the_url_or_in_a_header(acme: httpx.Client) -> None:
    header = {"x-clickhouse-query-id": "of the header"}
    assert acme.post("/", headers=header, content="SELECT 1").headers["x-clickhouse-query-id"] == "of the header"
    reply = acme.post("/", params={"query_id": "of the URL"}, headers=header, content="SELECT 1")
    assert reply.headers["x-clickhouse-query-id"] == "of the URL"
    assert acme.post("/", content="SELECT file('x')").headers["x-clickhouse-query-id"]


def test_a_summary_tells_what_was_given_and_not_what_was_read(acme: httpx.Client) -> None:
    summary = json.loads(acme.post("/", content="SELECT * FROM numbers(7)").headers["x-clickhouse-summary"])
    assert (summary["result_rows"], summary["read_rows"], summary["read_bytes"]) == ("7", "0", "0")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_no_method_writes(acme: httpx.Client, method: str) -> None:
    for statement in ("INSERT INTO otel_traces (SpanName) VALUES ('x')", "TRUNCATE TABLE otel_traces"):
        reply = acme.request(method, "/", params={"query": statement})
        assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (403, "497")


@pytest.mark.parametrize(
    "said",
    [
        # The JDBC driver, and so DBeaver, Metabase, Tableau.
        {"async_insert": "0", "wait_end_of_query": "0"},
        # The client for PHP.
        {"extremes": "0", "readonly": "1", "max_execution_time": "20", "enable_http_compression": "0"},
        # ClickHouse's own web page, and those made after it.
        {
            "add_http_cors_header": "1",
            "max_result_rows": "1000",
            "max_result_bytes": "10000000",
            "result_overflow_mode": "break",
        },
        # The client for Node.
        {"cancel_http_readonly_queries_on_client_close": "1", "http_headers_progress_interval_ms": "60000"},
        {"session_id": "mine", "session_timeout": "60", "session_check": "0", "quota_key": "mine", "role": "analyst"},
        {"user": "analyst", "database": "default"},
    ],
)
def test_what_clients_send_unasked_is_taken(acme: httpx.Client, said: dict[str, str]) -> None:
    assert acme.post("/", params=said, content="SELECT 1").text == "1\n"


def test_what_the_jdbc_driver_asks_first(acme: httpx.Client) -> None:
    asked = "SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1"
    headers = {"x-clickhouse-format": "RowBinaryWithNamesAndTypes", "x-clickhouse-database": "spanhouse"}
    reply = acme.post("/", params={"compress": "1"}, headers=headers, content=asked)
    assert _unframed(reply.content).startswith(b"\x03\x04user\x08timezone\x07version\x06String")


@pytest.fixture
def engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Spanhouse]:
    """An engine in a process of its own, whose memory is its own."""
    with Spanhouse.start("engine", data_dir=tmp_path_factory.mktemp("readers") / "data") as running:
        yield running


@pytest.mark.slow
def test_large_results_for_several_readers_take_little_memory(engine: Spanhouse) -> None:
    created = run("keys", "create", "--tenant", "acme", "--scope", "read", "--json", "--data-dir", str(engine.data_dir))
    headers = {"x-clickhouse-key": json.loads(created.stdout)["key"]}
    until(lambda: httpx.post(engine.sql, content="SELECT 1", headers=headers).is_success)
    process = psutil.Process(engine.process.pid)

    def read(_number: int) -> tuple[int, float]:
        size, most = 0, 0.0
        asked = "SELECT number, sipHash64(number) FROM numbers(16000000) FORMAT Native"
        with httpx.stream("POST", engine.sql, content=asked, headers=headers, timeout=120) as reply:
            for piece in reply.iter_raw():
                size += len(piece)
                most = max(most, process.memory_info().rss / 2**20)
        return size, most

    before = process.memory_info().rss / 2**20
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(read, range(3)))
    assert all(size > 250_000_000 for size, _ in results)
    assert max(most for _, most in results) - before < 200
