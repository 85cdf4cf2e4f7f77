"""Statements while they run: side by side, slow, large, left alone by their clients."""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from spanhouse_api.sql.pipe import Pipe
from spanhouse_api.sql.running import Execution
from spanhouse_schema import Database
from spanhouse_schema.clickhouse.database import Statistics
from tests.api.conftest import SECRET, Door
from tests.support.process import Spanhouse
from tests.support.waiting import until

_ENDLESS = "SELECT max(cityHash64(number, {})) FROM numbers(1e13) SETTINGS max_threads = 1"


def _running(database: Database, text: str) -> int:
    asked = (
        "SELECT count() FROM system.processes WHERE position(query, {text:String}) > 0 AND query NOT LIKE '%processes%'"
    )
    ((count,),) = database.rows(asked, parameters={"text": text})
    return int(count)


def test_statements_run_side_by_side(door: Door, database: Database) -> None:
    def ask(number: int) -> int:
        statement = _ENDLESS.format(f"'side by side {number}'")
        return httpx.post(door.url, params={"password": SECRET}, content=statement, timeout=60).status_code

    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(ask, range(8))
        until(lambda: _running(database, "'side by side") == 8)
        httpx.post(door.url, params={"password": SECRET}, content="KILL QUERY WHERE query LIKE '%''side by side%' SYNC")
        assert list(answers) == [500] * 8


def test_the_door_answers_while_statements_are_busy(door: Door, http: httpx.Client, database: Database) -> None:
    busy = threading.Thread(target=_ask_for_two_seconds, args=(door,))
    busy.start()
    until(lambda: _running(database, "'busy'") > 0)
    for _ in range(20):
        assert http.get("/ping").text == "Ok.\n"
    assert busy.is_alive()
    busy.join()


def _ask_for_two_seconds(door: Door) -> None:
    query = _ENDLESS.format("'busy'") + ", max_execution_time = 2"
    httpx.post(door.url, params={"password": SECRET}, content=query, timeout=60)


@pytest.mark.parametrize("wait", ["0", "1"])
def test_a_client_that_goes_away_cancels_its_statement(door: Door, database: Database, wait: str) -> None:
    query = _ENDLESS.format(f"'left{wait}'")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(door.url, params={"password": SECRET, "wait_end_of_query": wait}, content=query, timeout=0.7)
    until(lambda: _running(database, f"'left{wait}'") == 0, 10)


def test_a_client_that_goes_away_in_the_middle_of_a_result_cancels_it(door: Door, database: Database) -> None:
    query = "SELECT number, 'streaming' FROM numbers(1e13)"
    with httpx.stream("POST", door.url, params={"password": SECRET}, content=query) as reply:
        assert next(reply.iter_raw())
        assert _running(database, "'streaming'") == 1
    until(lambda: _running(database, "'streaming'") == 0, 10)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_statement_that_has_no_end_when_it_is_left_is_told_as_cancelled_at_once(is_cancelled: bool) -> None:
    running: Future[Statistics] = Future()
    if is_cancelled:
        running.cancel()
    told, error = Execution(Pipe(), running).ended()
    assert (told, type(error)) == (Statistics(), asyncio.CancelledError)


def test_a_client_that_goes_away_cancels_its_insert(door: Door, database: Database, table: str) -> None:
    statement = f"INSERT INTO {table} SELECT number, 'inserting' FROM numbers(1e13) SETTINGS max_insert_threads = 1"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(door.url, params={"password": SECRET}, content=statement, timeout=0.7)
    until(lambda: _running(database, "'inserting'") == 0, 10)


def test_an_upload_that_breaks_off_inserts_nothing(door: Door, database: Database, table: str) -> None:
    head = f"POST /?password={SECRET} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000000\r\n\r\n"
    with socket.create_connection((door.host, door.port)) as connection:
        connection.sendall(head.encode() + f"INSERT INTO {table} FORMAT CSV\n".encode() + b"1,x\n" * 100_000)
    time.sleep(0.3)
    assert database.rows(f"SELECT count() FROM {table}") == [(0,)]


def test_a_statement_that_is_killed_says_so(door: Door, database: Database) -> None:
    with ThreadPoolExecutor(1) as threads:
        query = _ENDLESS.format("'killed'")
        asked = threads.submit(httpx.post, door.url, params={"password": SECRET}, content=query, timeout=60)
        until(lambda: _running(database, "'killed'") == 1)
        killing = "KILL QUERY WHERE query LIKE '%''killed''%' SYNC"
        assert "finished" in httpx.post(door.url, params={"password": SECRET}, content=killing, timeout=60).text
        reply = asked.result(30)
    assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (500, "394")


def test_an_error_after_a_mebibyte_stands_at_the_end(door: Door) -> None:
    query = "SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(4000000)"
    pieces: list[bytes] = []
    with httpx.stream("POST", door.url, params={"password": SECRET}, content=query, timeout=60) as reply:
        assert reply.status_code == 200
        raw = reply.iter_raw()
        with pytest.raises(httpx.RemoteProtocolError):
            pieces.extend(iter(raw))
    data, _, tail = b"".join(pieces).partition(b"\r\n__exception__\r\n")
    assert data.startswith(b"0\t0\n1\t0\n")
    tag, message = tail.split(b"\r\n", 1)
    assert tag.decode() == reply.headers["x-clickhouse-exception-tag"]
    text, footer = message.removesuffix(b"\r\n__exception__\r\n").rsplit(b"\n", 1)
    assert text.startswith(b"Code: 395. DB::Exception: boom")
    assert footer == b"%d %s" % (len(text), tag)


def test_who_waits_for_the_end_gets_such_an_error_with_its_status(door: Door) -> None:
    query = "SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(4000000)"
    asked = {"password": SECRET, "wait_end_of_query": "1"}
    reply = httpx.post(door.url, params=asked, content=query, timeout=60)
    assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (500, "395")


def test_who_waits_for_the_end_gets_a_large_result_whole(door: Door) -> None:
    asked = {"password": SECRET, "wait_end_of_query": "1"}
    reply = httpx.post(door.url, params=asked, content="SELECT number FROM numbers(2000000)", timeout=60)
    assert reply.text.endswith("\n1999999\n")
    assert reply.headers["content-length"] == str(len(reply.content))
    assert '"result_rows": "2000000"' in reply.headers["x-clickhouse-summary"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Spanhouse]:
    """An engine in a process of its own, whose memory is its own."""
    with Spanhouse.start("engine", data_dir=tmp_path_factory.mktemp("engine") / "data") as running:
        yield running


def _peak_mib(engine: Spanhouse) -> float:
    status = Path(f"/proc/{engine.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _reset_peak(engine: Spanhouse) -> float:
    Path(f"/proc/{engine.process.pid}/clear_refs").write_text("5")
    return psutil.Process(engine.process.pid).memory_info().rss / 2**20


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["Native", "JSON", "Parquet"])
def test_a_gigabyte_of_result_takes_little_memory(engine: Spanhouse, format_: str) -> None:
    count = {"Native": 62_500_000, "JSON": 16_000_000, "Parquet": 62_500_000}[format_]
    query = f"SELECT number, sipHash64(number) AS h FROM numbers({count}) FORMAT {format_}"
    if format_ == "Parquet":
        # Nothing of it would become smaller, and trying takes ten seconds.
        query += (
            " SETTINGS output_format_parquet_compression_method = 'none',"
            " output_format_parquet_write_bloom_filter = 0, output_format_parquet_max_dictionary_size = 0"
        )
    before, size = _reset_peak(engine), 0
    headers = {"x-clickhouse-key": engine.admin_key}
    with httpx.stream("POST", engine.sql, content=query, headers=headers, timeout=300) as reply:
        for piece in reply.iter_raw():
            size += len(piece)
    assert size > 700_000_000
    # A row group of Parquet is made in memory before any of it is written.
    assert _peak_mib(engine) - before < (600 if format_ == "Parquet" else 200)


@pytest.mark.slow
@pytest.mark.parametrize(("format_", "row_bytes"), [("CSV", 100), ("RowBinary", 20_000)])
def test_an_upload_of_half_a_gigabyte_takes_little_memory(tmp_path: Path, format_: str, row_bytes: int) -> None:
    row = {"CSV": b"5,%s\n", "RowBinary": struct.pack("<Q", 5) + b"\xa0\x9c\x01%s"}[format_] % (b"x" * row_bytes)
    rows_at_once = 10**6 // len(row)
    said = {"query": f"INSERT INTO FUNCTION null('a UInt64, b String') FORMAT {format_}"}
    # An engine that has done nothing before: what is freed is given back only by and by, and would be counted as there.
    with Spanhouse.start("engine", data_dir=tmp_path / "data") as engine:
        before = _reset_peak(engine)
        headers = {"x-clickhouse-key": engine.admin_key}
        pieces = (row * rows_at_once for _ in range(520))
        reply = httpx.post(engine.sql, params=said, headers=headers, content=pieces, timeout=300)
        written = json.loads(reply.headers["x-clickhouse-summary"])["written_rows"]
        assert int(written) == 520 * rows_at_once
        # Some blocks of 64 MiB, on their way; the upload itself is in a file.
        assert _peak_mib(engine) - before < 500


@pytest.mark.slow
def test_a_stop_ends_what_runs(tmp_path: Path) -> None:
    with Spanhouse.start("engine", data_dir=tmp_path / "data") as engine:
        headers = {"x-clickhouse-key": engine.admin_key}
        with ThreadPoolExecutor(1) as threads:
            # It is as endless as another one, and leaves the core alone while the stop has patience with it.
            query = "SELECT sleepEachRow(0.1) FROM numbers(1e13) SETTINGS max_block_size = 1"
            asked = threads.submit(httpx.post, engine.sql, content=query, headers=headers, timeout=60)
            until(lambda: "sleepEachRow" in engine.sql_text("SHOW PROCESSLIST"))
            assert engine.stop(timeout_s=40) == 0
            reply = asked.result(10)
        assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (503, "236")
        assert "Traceback" not in engine.log()
