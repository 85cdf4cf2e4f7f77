"""INSERT with rows: every way that clients send them."""

import gzip
import json
from pathlib import Path

import httpx
import pytest

from spanhouse_api.sql.upload import upload_directory
from spanhouse_schema import Database, Settings
from tests.api.conftest import Door
from tests.support.waiting import until


@pytest.fixture
def rows(database: Database, table: str) -> "Rows":
    return Rows(database, table)


class Rows:
    """The rows of a table, as text."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self.table = table

    def __call__(self) -> list[tuple[object, ...]]:
        """All of them, in order."""
        return self._database.rows(f"SELECT a, b FROM {self.table} ORDER BY a")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} VALUES (1, 'x'), (2, 'y')",
        "INSERT INTO {} VALUES (1, 'x'), (2, concat('', 'y'));",
        "INSERT INTO {} (b, a) VALUES ('x', 1), ('y', 2)",
        "INSERT INTO {} FORMAT Values (1, 'x'), (2, 'y')",
        'INSERT INTO {} FORMAT CSV\n1,"x"\n2,"y"\n',
        "INSERT INTO {} FORMAT TSV 1\tx\n2\ty",
        "INSERT INTO {} SETTINGS async_insert = 1, input_format_allow_errors_num = 1 FORMAT CSV\n1,x\nz,z\n2,y\n",
        'INSERT INTO {} FORMAT JSONEachRow {{"a":1,"b":"x"}}{{"a":2,"b":"y"}}',
        "INSERT INTO {} SELECT number + 1, ['x', 'y'][number + 1] FROM numbers(2)",
        "WITH 1 AS one INSERT INTO {} SELECT number + one, ['x', 'y'][number + 1] FROM numbers(2)",
        "/* rows */ INSERT -- into\n INTO TABLE {} (a, b) /* VALUES */ VALUES\n(1, 'x')\n,(2, 'y')",
    ],
)
def test_rows_follow_the_statement(http: httpx.Client, rows: Rows, statement: str) -> None:
    reply = http.post("/", content=statement.format(rows.table))
    assert (reply.status_code, reply.text) == (200, "")
    assert rows() == [(1, "x"), (2, "y")]


def test_rows_are_the_body_when_the_statement_is_in_the_url(http: httpx.Client, rows: Rows) -> None:
    reply = http.post(
        "/", params={"query": f"INSERT INTO {rows.table} FORMAT RowBinary"}, content=_row_binary(1, "x\n")
    )
    assert json.loads(reply.headers["x-clickhouse-summary"])["written_rows"] == "1"
    http.post("/", params={"query": f"INSERT INTO {rows.table} (a, b) VALUES"}, content="(2, 'y')")
    assert rows() == [(1, "x\n"), (2, "y")]


def test_a_result_in_any_format_can_be_sent_back(http: httpx.Client, rows: Rows) -> None:
    query = "SELECT number + 1 AS a, ['x', 'y'][number + 1] AS b FROM numbers(2)"
    for format_ in (
        "Native",
        "RowBinaryWithNamesAndTypes",
        "Parquet",
        "ArrowStream",
        "MsgPack",
        "CSVWithNames",
        "Avro",
    ):
        body = http.post("/", params={"default_format": format_}, content=query).content
        reply = http.post("/", params={"query": f"INSERT INTO {rows.table} FORMAT {format_}"}, content=body)
        assert reply.status_code == 200, reply.text
        assert rows() == [(1, "x"), (2, "y")], format_
        http.post("/", content=f"TRUNCATE TABLE {rows.table}")


def test_no_rows_are_no_error(http: httpx.Client, rows: Rows) -> None:
    assert http.post("/", params={"query": f"INSERT INTO {rows.table} FORMAT CSV"}).status_code == 200
    assert http.post("/", content=f"INSERT INTO {rows.table} VALUES").status_code == 200
    assert rows() == []


def test_settings_and_parameters_hold_for_an_insert(http: httpx.Client, rows: Rows) -> None:
    given = {"format_csv_delimiter": ";", "param_t": rows.table.partition(".")[2]}
    http.post("/", params=given, content="INSERT INTO spanhouse.{t:Identifier} FORMAT CSV 1;x").raise_for_status()
    assert rows() == [(1, "x")]


def test_rows_that_cannot_be_read_are_a_bad_request_and_store_nothing(http: httpx.Client, rows: Rows) -> None:
    reply = http.post("/", content=f"INSERT INTO {rows.table} FORMAT CSV\n1,x\ntwo,y\n")
    assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (400, "27")
    assert "Column 0,   name: a, type: UInt64" in reply.text
    assert rows() == []


def test_a_deduplication_token_makes_a_repeated_insert_one(http: httpx.Client, database: Database, rows: Rows) -> None:
    database.command(f"ALTER TABLE {rows.table} MODIFY SETTING non_replicated_deduplication_window = 100")
    for _ in range(2):
        said = {"query": f"INSERT INTO {rows.table} FORMAT CSV", "insert_deduplication_token": "once"}
        http.post("/", params=said, content="1,x").raise_for_status()
    assert rows() == [(1, "x")]


def test_uploads_are_gone_afterwards(door: Door, http: httpx.Client, rows: Rows, settings: Settings) -> None:
    uploads = settings.data_dir / "tmp" / "sql"
    for body in ("1,x", "one,x"):
        http.post("/", params={"query": f"INSERT INTO {rows.table} FORMAT CSV"}, content=body)
    http.post("/", params={"query": f"INSERT INTO {rows.table} FORMAT CSV", "max_threads": "x"}, content="1,x")
    http.post("/", headers={"content-encoding": "gzip"}, content=gzip.compress(b"INSERT INTO t VALUES (1")[:-4])
    # The audit of these has a file there too, for a moment.
    until(lambda: not list(uploads.iterdir()))


def test_what_an_end_by_force_left_is_removed_at_start(tmp_path: Path) -> None:
    left = upload_directory(tmp_path) / "rows-left"
    left.touch()
    assert list(upload_directory(tmp_path).iterdir()) == []


def _row_binary(number: int, text: str) -> bytes:
    encoded = text.encode()
    return number.to_bytes(8, "little") + bytes([len(encoded)]) + encoded
