"""`Database`: errors that say what to do, and the limits of the embedded engine."""

import os
import subprocess
import sys
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from spanhouse_schema import Database, DatabaseError, DatabaseUnavailable, InputUnreadable, Settings, StatementFailed
from spanhouse_schema.clickhouse.insert_settings import insert_settings

OPEN = "import sys; from pathlib import Path; from spanhouse_schema import *; "
OPEN += "database = Database.open(Settings.load(data_dir=Path(sys.argv[1])), engine_memory=int(sys.argv[2])); "


def _run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", OPEN + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_directory_in_use_names_the_process_that_holds_it(database: Database, settings: Settings) -> None:
    result = _run("", str(settings.data_dir), "1000000000")
    assert f"already open in process {os.getpid()}" in result.stderr
    assert "use `spanhouse sql`, which goes through it" in result.stderr


def test_the_engine_stays_below_its_memory_setting(tmp_path: Path) -> None:
    result = _run("database.rows('SELECT groupArray(number) FROM numbers(100000000)')", str(tmp_path), "500000000")
    assert "StatementFailed" in result.stderr
    assert "memory limit exceeded" in result.stderr


def test_the_engine_opens_again_after_it_was_closed(tmp_path: Path) -> None:
    code = "database.close(); database = Database.open(Settings.load(data_dir=Path(sys.argv[1]))); "
    result = _run(code + "print(database.rows('SELECT 42'))", str(tmp_path), "1000000000")
    assert result.stdout == "[(42,)]\n", result.stderr


def test_a_server_that_does_not_answer_is_unavailable_and_the_password_stays_secret() -> None:
    settings = Settings.load(clickhouse="clickhouse://default:hunter2@127.0.0.1:1/spanhouse")
    with pytest.raises(DatabaseUnavailable) as unavailable:
        Database.open(settings)
    assert "127.0.0.1:1" in str(unavailable.value)
    assert "hunter2" not in str(unavailable.value)


def test_a_password_with_any_characters_reaches_the_server_as_it_was_before_it_was_quoted() -> None:
    authorizations: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authorizations.append(self.headers["Authorization"])
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.handle_request).start()
        dsn = f"clickhouse://m%65:p%40s%2Fs@127.0.0.1:{server.server_port}"
        with pytest.raises(DatabaseError):
            Database.open(Settings.load(clickhouse=dsn))
    assert authorizations == [f"Basic {b64encode(b'me:p@s/s').decode()}"]


def test_a_refused_statement_carries_clickhouses_code_and_message(database: Database) -> None:
    with pytest.raises(StatementFailed, match="UNKNOWN_TABLE") as failed:
        database.rows("SELECT * FROM spanhouse.no_such_table")
    assert failed.value.code == 60


def test_a_message_that_quotes_bytes_which_are_no_text_is_a_refusal_like_others(database: Database) -> None:
    statement = "SELECT throwIf(1, unhex('66FF'))"
    with database.connect() as connection:
        for ask in (
            lambda: database.rows(statement),
            lambda: connection.query(statement),
            lambda: list(connection.stream(statement, "CSV")),
        ):
            with pytest.raises(StatementFailed, match="f\ufffd") as failed:
                ask()
            assert failed.value.code == 395


def test_a_file_in_another_format_is_unreadable_and_nothing_is_written(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text('{"TraceId": "unreadable"}\n{"TraceId": ')
    with pytest.raises(InputUnreadable):
        database.insert_file("spanhouse.otel_traces", file, "JSONEachRow", settings={"async_insert": 0})
    assert database.rows("SELECT count() FROM spanhouse.otel_traces WHERE TraceId = 'unreadable'") == [(0,)]


def test_rows_under_a_token_that_was_used_are_stored_once(store: Database, tmp_path: Path) -> None:
    scratch = tmp_path / "rows"
    rows = [{"TenantId": "insert-rows", "Reason": reason} for reason in ("\ud800", '"}\n{"TenantId": "another"}')]
    for token in ("insert-rows-1", "insert-rows-1", "insert-rows-2"):
        store.insert_rows("spanhouse.ingest_errors", iter(rows), token=token, scratch=scratch)
        assert not scratch.exists()
    asked = (
        "SELECT Reason, count() FROM spanhouse.ingest_errors WHERE TenantId = 'insert-rows' GROUP BY Reason ORDER BY 1"
    )
    assert store.rows(asked) == [('"}\n{"TenantId": "another"}', 2), ("?", 2)]


def test_rows_that_do_not_fit_are_refused_and_their_file_is_gone(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StatementFailed):
        database.insert_rows("spanhouse.ingest_errors", [{"IngestedAt": "never"}], token="x", scratch=tmp_path / "rows")
    assert not list(tmp_path.iterdir())


def test_a_client_whose_call_failed_serves_nobody_else(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Client] = []
    query = Client.query

    def noted(client: Client, *args: Any, **kwargs: Any) -> Any:
        asked.append(client)
        return query(client, *args, **kwargs)

    monkeypatch.setattr(Client, "query", noted)
    store.rows("SELECT 1")
    with pytest.raises(StatementFailed):
        store.rows("SELECT no_such_column")
    store.rows("SELECT 1")
    first, failed, last = asked
    assert first is failed, "one that succeeded is used again"
    assert last is not failed


def test_a_table_that_a_schema_does_not_fit_is_no_fault_of_the_rows(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "rows.segment"
    file.write_bytes(b"\x06\x12\x04acme")
    database.command("CREATE TABLE spanhouse.misfit (tenant Array(String)) ENGINE = Null")
    with pytest.raises(StatementFailed) as failed:
        database.insert_file("spanhouse.misfit", file, "Protobuf", settings=insert_settings("traces"))
    database.command("DROP TABLE spanhouse.misfit")
    assert not isinstance(failed.value, InputUnreadable), failed.value


def test_a_schema_that_a_crash_left_unfinished_is_written_anew(database: Database) -> None:
    settings = insert_settings("traces")
    file = Path(str(database.localise(settings)["format_schema"]))
    whole = file.read_text(encoding="utf-8")
    file.write_text("", encoding="utf-8")
    assert database.localise(settings)["format_schema"] == str(file)
    assert file.read_text(encoding="utf-8") == whole == settings["format_schema"]


def test_calls_from_many_threads_run_side_by_side(database: Database) -> None:
    answers: list[int] = []

    def ask(number: int) -> None:
        answers.extend(row[0] for row in database.rows(f"SELECT {number} + sleepEachRow(0.05)"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(answers) == list(range(12))


def test_settings_of_a_connection_end_with_it(database: Database) -> None:
    with database.connect() as connection:
        connection.query("SET max_threads = 1")
        assert connection.query("SELECT getSetting('max_threads')") == b"1\n"
    with database.connect() as connection:
        assert connection.query("SELECT getSetting('max_threads') = 1") == b"0\n"
