"""The audit: each statement is one row, whatever its text and however the database fares meanwhile."""

import socket
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanhouse_api.sql.statement_log import Entry, StatementLog, Verdict
from spanhouse_schema import Database, Settings
from tests.clients.forgetful_proxy import forgetful_proxy
from tests.support.process import Spanhouse
from tests.support.stores import dsn
from tests.support.waiting import until

HELD = 10_000
# Rows of long ago would be deleted by the retention that a first start sets.
NOW_MS = time.time_ns() // 1_000_000
DAY_MS = 86_400_000

COLUMNS = (
    "toUnixTimestamp64Milli(StartedAt), TenantId, KeyId, Scope, QueryId, Statement, Verdict, Rule, ErrorCode, "
    "ReadRows, ReadBytes, ResultRows, ResultBytes, DurationMs"
)
COUNT = "SELECT count() FROM spanhouse.sql_audit WHERE TenantId = 'acme'"

ODD_TEXTS = [
    "\udcff",
    "\ud800",
    "\ud83d\ude00",
    "a\0b\x7f\u2028",
    '"}\n{"TenantId": "another"}',
    "\\",
    "'; DROP TABLE x",
]


def _entry(tenant: str, **columns: Any) -> Entry:
    now = time.time_ns() // 1_000_000
    return Entry(now, tenant, "0123456789ab", "read", "id", b"SELECT 1", Verdict.DONE)._replace(**columns)


@contextmanager
def _writing(database: Database, directory: Path) -> Generator[StatementLog]:
    """An audit that has been started, until it is closed."""
    with closing(StatementLog(database, directory)) as audit:
        audit.start()
        yield audit


def _rows(database: Database, tenant: str, columns: str = COLUMNS) -> list[tuple[Any, ...]]:
    query = f"SELECT {columns} FROM spanhouse.sql_audit WHERE TenantId = {{tenant:String}} ORDER BY StartedAt"
    return database.rows(query, parameters={"tenant": tenant})


def _numbers(database: Database, tenant: str) -> list[int]:
    """What was recorded as `error_code`, of each row."""
    query = f"SELECT ErrorCode FROM spanhouse.sql_audit WHERE TenantId = '{tenant}' ORDER BY ErrorCode"
    return [row[0] for row in database.rows(query)]


@contextmanager
def _table_away(database: Database) -> Generator[None]:
    database.command("RENAME TABLE spanhouse.sql_audit TO spanhouse.sql_audit_away")
    try:
        yield
    finally:
        database.command("RENAME TABLE spanhouse.sql_audit_away TO spanhouse.sql_audit")


def test_a_statement_is_a_row_within_seconds(database: Database, tmp_path: Path) -> None:
    with _writing(database, tmp_path) as audit:
        audit.record(_entry("audit-soon", error_code=1))
        until(lambda: _numbers(database, "audit-soon") == [1])


def test_one_that_was_never_started_has_no_thread_and_writes_when_it_is_closed(
    database: Database, tmp_path: Path
) -> None:
    threads = set(threading.enumerate())
    audit = StatementLog(database, tmp_path)
    assert set(threading.enumerate()) <= threads
    audit.record(_entry("audit-closed", error_code=1))
    audit.close()
    assert _numbers(database, "audit-closed") == [1]


def test_every_column_says_what_was_recorded(database: Database, tmp_path: Path) -> None:
    denied = Entry(
        started_unix_ms=NOW_MS,
        tenant="audit-columns",
        key_id="0123456789ab",
        scope="read",
        query_id="the query",
        statement=b"SELECT file('/etc/passwd')",
        verdict=Verdict.DENIED,
        rule="function",
        error_code=497,
        read_rows=2**64 - 1,
        read_bytes=2,
        result_rows=3,
        result_bytes=4,
        duration_ms=0.125,
    )
    owners = Entry(NOW_MS + 1, "audit-columns", "", "admin", "", b"SELECT 1", Verdict.QUEUED_OUT)
    with _writing(database, tmp_path) as audit:
        audit.record(denied)
        audit.record(owners)
    expected = [(*entry[:5], entry.statement.decode(), *entry[6:]) for entry in (denied, owners)]
    assert _rows(database, "audit-columns") == expected


@settings(max_examples=60, deadline=None)
@given(statements=st.lists(st.binary() | st.text().map(str.encode), min_size=1, max_size=20), name=st.text())
def test_no_text_breaks_the_insert(database: Database, statements: list[bytes], name: str) -> None:
    tenant = f"audit-text-{time.monotonic_ns()}"
    with tempfile.TemporaryDirectory() as directory, _writing(database, Path(directory)) as audit:
        for number, statement in enumerate(statements):
            audit.record(_entry(tenant, started_unix_ms=NOW_MS + number, query_id=name, rule=name, statement=statement))
    expected = [(statement.decode(errors="replace"), name, name) for statement in statements]
    assert _rows(database, tenant, "Statement, QueryId, Rule") == expected


@pytest.mark.parametrize("number", range(len(ODD_TEXTS)))
def test_what_is_no_unicode_or_looks_like_a_row_is_one_row(database: Database, tmp_path: Path, number: int) -> None:
    tenant, text = f"audit-odd-{number}", ODD_TEXTS[number]
    statement = text.encode(errors="surrogatepass") + b"\xff"
    with _writing(database, tmp_path) as audit:
        audit.record(_entry(tenant, query_id=text, key_id=text, statement=statement))
    readable = text.encode(errors="replace").decode()
    assert _rows(database, tenant, "QueryId, KeyId, Statement") == [
        (readable, readable, statement.decode(errors="replace"))
    ]
    assert _rows(database, "another") == []


def test_what_gathers_is_one_insert(database: Database, tmp_path: Path) -> None:
    with _writing(database, tmp_path) as audit:
        for number in range(200):
            audit.record(_entry("audit-one", error_code=number, started_unix_ms=NOW_MS))
    assert _numbers(database, "audit-one") == list(range(200))
    assert _rows(database, "audit-one", "DISTINCT _part, StartedAt")[1:] == []


def test_what_a_table_refused_is_written_when_it_is_there_again(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _writing(database, tmp_path) as audit:
        with _table_away(database):
            audit.record(_entry("audit-away", error_code=0))
            until(lambda: "is not written" in caplog.text)
            audit.record(_entry("audit-away", error_code=1))
        until(lambda: _numbers(database, "audit-away") == [0, 1])
    assert _numbers(database, "audit-away") == [0, 1]
    assert caplog.text.count("is not written") == 1
    assert "missing" not in caplog.text
    assert list(tmp_path.iterdir()) == [], "no statement stays in a file"


def test_of_more_than_can_be_held_the_oldest_are_dropped_and_the_log_says_how_many(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _writing(database, tmp_path) as audit, _table_away(database):
        audit.record(_entry("audit-many", error_code=-1))
        # It is on its way: whether it is stored already could not be known.
        until(lambda: "is not written" in caplog.text)
        for number in range(HELD + 234):
            audit.record(_entry("audit-many", error_code=number))
    assert _numbers(database, "audit-many") == [-1, *range(234, HELD + 234)]
    assert "234 statements are missing from spanhouse.sql_audit" in caplog.text


@pytest.mark.slow
def test_a_silent_server_keeps_nobody_waiting_who_records_and_what_is_lost_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        with closing(Database(Settings.load(clickhouse=f"clickhouse://{host}:{port}"))) as database:
            audit = StatementLog(database, tmp_path)
            audit.start()
            audit.record(_entry("acme"))
            client, _ = silent.accept()
            # Were one of them to wait for the server, it would wait for longer than the test may take.
            for _ in range(1_000):
                audit.record(_entry("acme"))
            silent.close()
            client.close()
            audit.close()
    assert "1001 statements are missing" in caplog.text


@pytest.mark.slow
def test_an_insert_whose_answer_was_lost_is_not_made_twice(tmp_path: Path) -> None:
    midnight = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS
    with Spanhouse.start("engine", data_dir=tmp_path / "engine") as engine:
        address = engine.sql.removeprefix("http://")
        with forgetful_proxy(address, lambda: engine.sql_text(COUNT) == "100") as proxy:
            through = Settings.load(clickhouse=dsn(engine).replace(address, proxy))
            with closing(Database(through)) as database, _writing(database, tmp_path) as audit:
                for number in range(100):
                    # Over midnight: one INSERT into two partitions.
                    audit.record(_entry("acme", error_code=number, started_unix_ms=midnight + number - 50))
                until(lambda: engine.sql_text(COUNT) == "100")
        assert engine.sql_text(COUNT) == "100"


@pytest.mark.slow
def test_what_is_recorded_while_the_engine_is_killed_and_comes_back_is_stored_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Spanhouse.start("engine", data_dir=tmp_path / "engine")
    try:
        with (
            closing(Database(Settings.load(clickhouse=dsn(engine)))) as database,
            _writing(database, tmp_path) as audit,
        ):
            audit.record(_entry("acme", error_code=0))
            until(lambda: engine.sql_text(COUNT) == "1")
            engine.kill()
            audit.record(_entry("acme", error_code=1))
            until(lambda: "is not written" in caplog.text)
            audit.record(_entry("acme", error_code=2))
            engine = Spanhouse.start("engine", data_dir=engine.data_dir, ports=engine.ports)
            until(lambda: int(engine.sql_text(COUNT)) >= 3)
            assert _numbers(database, "acme") == [0, 1, 2]
    finally:
        engine.stop()
