"""What a reader asks, as what it runs: one spelling, without FORMAT and SETTINGS, and nothing lost on the way."""

import httpx
import pytest

from spanhouse_api.sql.errors import Denied
from spanhouse_api.sql.reader import Reader
from spanhouse_api.sql.text.statement import Kind
from spanhouse_schema import Database, Settings


@pytest.fixture(scope="module")
def reader(database: Database, settings: Settings) -> Reader:
    """A reader over the engine of this run."""
    return Reader(database, settings)


@pytest.mark.parametrize(
    ("asked", "runs"),
    [
        ("select/* */1 -- x", "SELECT 1"),
        ('SELECT "l\\x65ngth"([1,2])', "SELECT length([1, 2])"),
        ("FROM system.one SELECT dummy", "SELECT dummy FROM system.one"),
        ("SELECT CASE WHEN 1 THEN 2 ELSE 3 END", "SELECT multiIf(1, 2, 3)"),
        ("DESC otel_traces", "DESCRIBE TABLE otel_traces"),
        ("exists nothing_there", "SELECT 0 AS result"),
        ("SHOW TABLES FROM spanhouse LIKE 'otel%'", "SHOW TABLES FROM spanhouse LIKE 'otel%'"),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM a WHERE x IN (SELECT x FROM a)", None),
        ("SELECT 'it''s \\' \\\\ \\0', 1e-7, 18446744073709551615, -1, NULL, true, [1, 'é']", None),
    ],
)
def test_a_statement_has_one_spelling_which_stays(reader: Reader, asked: str, runs: str | None) -> None:
    statement = reader.understand(asked.encode())
    if runs is not None:
        assert statement.text.decode() == runs
    assert reader.understand(statement.text).text == statement.text


def test_format_and_settings_are_taken_off_the_end_wherever_they_stand_there(reader: Reader) -> None:
    for asked in (
        b"SELECT 1 SETTINGS max_execution_time = 2, limit = 3 FORMAT JSON",
        b"SELECT 1 FORMAT JSON SETTINGS limit = 3, max_execution_time = 2",
        b"SELECT 1 SETTINGS limit = 3 FORMAT JSON SETTINGS max_execution_time = 2;",
    ):
        statement = reader.understand(asked)
        assert (statement.text, statement.format) == (b"SELECT 1", "JSON")
        assert statement.settings == {"max_execution_time": "2", "limit": "3"}
        assert statement.kind is Kind.SELECT


@pytest.mark.parametrize(
    "asked",
    [
        b"SELECT * FROM (SELECT 1 SETTINGS limit = 3)",
        b"SELECT 1 SETTINGS limit = DEFAULT",
        b"SELECT 1 SETTINGS param_x = 1",
        b"SELECT 1 INTO OUTFILE 'x'",
        b"SELECT 1 INTO OUTFILE 'x' AND STDOUT FORMAT CSV",
    ],
)
def test_what_cannot_be_taken_off_is_denied(reader: Reader, asked: bytes) -> None:
    with pytest.raises(Denied):
        reader.understand(asked)


def test_bytes_that_are_not_utf_8_stay(acme: httpx.Client) -> None:
    assert acme.post("/", content=b"SELECT hex('\xff\xfe'), hex('\\xff')").text == "FFFE\tFF\n"


def test_a_statement_of_seven_thousand_ids_is_run(acme: httpx.Client) -> None:
    ids = ", ".join(f"'{2**120 + number:032x}'" for number in range(7000))
    reply = acme.post("/", content=f"SELECT count() FROM otel_traces WHERE TraceId IN ({ids}) FORMAT CSV")
    assert (reply.status_code, reply.text) == (200, "0\n")


def test_a_statement_beyond_its_limit_is_refused(acme: httpx.Client) -> None:
    asked = f"SELECT '{'x' * 300_000}'"
    in_a_form = {"query": (None, asked)}
    for reply in (
        acme.post("/", content=asked, params={"max_query_size": "10000000"}),
        acme.post("/", files=in_a_form),
    ):
        assert reply.status_code == 400
        assert "Max query size exceeded" in reply.text


def test_a_value_of_a_parameter_does_not_outlive_its_statement(acme: httpx.Client) -> None:
    asked = "SELECT {x:String}"
    assert acme.post("/", content=asked, params={"param_x": "mine", "session_id": "s"}).text == "mine\n"
    assert acme.post("/", content=asked, params={"session_id": "s"}).headers["x-clickhouse-exception-code"] == "456"
