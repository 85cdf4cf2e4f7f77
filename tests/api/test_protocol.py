"""The protocol, seen from plain HTTP."""

import json
import subprocess

import httpx
import pytest

from spanhouse_schema import Database
from tests.api.conftest import SECRET, Door


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
def test_health_needs_no_secret(door: Door, path: str) -> None:
    reply = httpx.get(door.url + path)
    assert (reply.status_code, reply.text) == (200, "Ok.\n")


def test_an_unknown_path_is_not_found(door: Door) -> None:
    assert httpx.get(f"{door.url}/play").status_code == 404


def test_a_statement_comes_in_the_url_or_in_the_body_or_in_both(http: httpx.Client) -> None:
    assert http.get("/", params={"query": "SELECT 1"}).text == "1\n"
    assert http.post("/", content="SELECT 1").text == "1\n"
    assert http.post("/", params={"query": "SELECT 1 +"}, content="2").text == "3\n"
    assert http.post("/", params={"query": "SELECT 1 -- one"}, content="+ 2").text == "3\n"


def test_a_statement_need_not_be_utf8(http: httpx.Client) -> None:
    assert http.post("/", content=b"SELECT hex('\xff\xfe')").text == "FFFE\n"
    assert http.get("/?query=SELECT%20hex('%FF')").text == "FF\n"


def test_what_an_error_quotes_need_not_be_utf8(http: httpx.Client) -> None:
    for reply in (
        http.post("/", content=b"f\x86\xa2"),
        http.post("/", content=b"SELECT throwIf(1, '\xff')"),
        http.post("/?session_id=1&session_timeout=%FF", content=b"SELECT 1"),
        http.post("/?compress=%FF", content=b"SELECT 1"),
        http.post("/?database=%FF", content=b"SELECT 1"),
        http.post("/?password=%FF", content=b"SELECT 1", headers={"x-clickhouse-key": ""}),
    ):
        assert int(reply.headers["x-clickhouse-exception-code"]) > 0, reply.text
        assert reply.text.startswith("Code: ")


def test_an_error_quotes_what_was_sent_and_nothing_else(http: httpx.Client) -> None:
    assert "--" not in http.post("/", content="SELEC 1").text


def test_no_header_can_be_written_through_the_query_id(http: httpx.Client) -> None:
    reply = http.post("/?query_id=a%0D%0Ax-injected:%201%00", content="SELECT 1")
    assert reply.headers["x-clickhouse-query-id"] == "a??x-injected: 1?"
    assert "x-injected" not in reply.headers


def test_the_format_is_the_statements_or_the_requests(http: httpx.Client) -> None:
    asked = http.post("/", params={"default_format": "JSONEachRow"}, content="SELECT 1 AS a")
    assert (asked.text, asked.headers["x-clickhouse-format"]) == ('{"a":1}\n', "JSONEachRow")
    named = http.post("/", params={"default_format": "JSONEachRow"}, content="SELECT 1 AS a FORMAT CSVWithNames;")
    assert (named.text, named.headers["x-clickhouse-format"]) == ('"a"\n1\n', "CSVWithNames")
    header = http.post("/", headers={"x-clickhouse-format": "JSON"}, content="SELECT 1 AS a")
    assert header.json()["data"] == [{"a": 1}]
    assert header.headers["content-type"] == "application/json; charset=UTF-8"


@pytest.mark.parametrize(
    "statement", ["SHOW DATABASES LIKE 'spanhouse'", "EXISTS DATABASE spanhouse", "EXPLAIN AST SELECT 1"]
)
def test_statements_that_are_no_queries_answer_in_the_format_too(http: httpx.Client, statement: str) -> None:
    reply = http.post("/", params={"default_format": "JSONCompactEachRow"}, content=statement)
    assert json.loads(reply.text.splitlines()[0])


def test_totals_and_extremes_are_part_of_the_result(http: httpx.Client) -> None:
    query = "SELECT number % 2 AS k, count() FROM numbers(10) GROUP BY k WITH TOTALS ORDER BY k SETTINGS extremes = 1"
    assert http.post("/", content=query).text == "0\t5\n1\t5\n\n0\t10\n\n0\t5\n1\t5\n"


def test_an_empty_result_still_has_its_header(http: httpx.Client) -> None:
    reply = http.post("/", content="SELECT 1 AS a WHERE 0 FORMAT TSVWithNames")
    assert (reply.text, reply.headers["content-length"]) == ("a\n", "2")
    assert http.post("/", content="SELECT 1 WHERE 0").headers["content-length"] == "0"


def test_a_reply_says_what_it_is(http: httpx.Client) -> None:
    reply = http.post("/", params={"query_id": "mine"}, content="SELECT number FROM numbers(10)")
    assert reply.headers["x-clickhouse-query-id"] == "mine"
    assert reply.headers["x-clickhouse-timezone"]
    assert reply.headers["x-clickhouse-server-display-name"]
    summary = json.loads(reply.headers["x-clickhouse-summary"])
    assert (summary["result_rows"], summary["read_rows"]) == ("10", "10")


def test_a_head_request_has_no_body(http: httpx.Client) -> None:
    reply = http.head("/", params={"query": "SELECT 1 FORMAT CSV"})
    assert (reply.status_code, reply.content, reply.headers["x-clickhouse-format"]) == (200, b"", "CSV")


def test_tables_without_a_database_are_spanhouses(http: httpx.Client) -> None:
    assert http.post("/", content="SELECT currentDatabase()").text == "spanhouse\n"
    assert http.post("/", params={"database": "system"}, content="SELECT * FROM one").text == "0\n"
    assert http.post("/", headers={"x-clickhouse-database": "system"}, content="SELECT * FROM one").text == "0\n"


def test_settings_come_in_the_url_and_last_for_one_statement(http: httpx.Client) -> None:
    ask = "SELECT getSetting('max_threads')"
    assert http.post("/", params={"max_threads": "3"}, content=ask).text == "3\n"
    assert http.post("/", content=ask).text != "3\n"
    filters = {"additional_table_filters": "{'system.one': 'dummy = 1'}"}
    assert http.post("/", params=filters, content="SELECT count() FROM system.one").text == "0\n"
    assert http.post("/", content="SELECT count() FROM system.one").text == "1\n"


def test_transport_parameters_do_not_reach_the_engine(http: httpx.Client) -> None:
    said = dict.fromkeys(
        [
            *("quota_key", "role", "client_protocol_version", "buffer_size", "stacktrace", "wait_end_of_query"),
            *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        ],
        "1",
    )
    assert http.post("/", params=said, content="SELECT 1").text == "1\n"


@pytest.mark.parametrize(
    "value", ["plain", "it's", 'say "x"', "back\\\\slash", "tab\\there", "née", "' OR 1 --", "{x}"]
)
def test_parameters_are_values_and_never_sql(http: httpx.Client, value: str) -> None:
    reply = http.post("/", params={"param_x": value}, content="SELECT {x:String} AS x FORMAT JSONEachRow")
    assert reply.json() == {"x": value.replace("\\\\", "\\").replace("\\t", "\t")}


def test_parameters_have_types_and_may_be_names(http: httpx.Client) -> None:
    given = {"param_a": "[1,2]", "param_t": "one", "param_n": "\\N"}
    reply = http.post(
        "/", params=given, content="SELECT {a:Array(UInt8)}, {n:Nullable(Int8)} FROM system.{t:Identifier}"
    )
    assert reply.text == "[1,2]\t\\N\n"


def test_long_parameters_come_in_a_form(http: httpx.Client) -> None:
    form = {"query": (None, "SELECT length({x:String})"), "param_x": (None, "y" * 100_000)}
    assert http.post("/", files=form).text == "100000\n"
    refused = http.post("/", data={"query": "SELECT 1"}, files={"t": ("t.csv", b"1")})
    assert (refused.status_code, "external tables" in refused.text) == (400, True)


def test_get_only_reads(http: httpx.Client, table: str) -> None:
    for statement in (f"INSERT INTO {table} VALUES (1, 'a')", f"DROP TABLE {table}", f"TRUNCATE TABLE {table}"):
        reply = http.get("/", params={"query": statement})
        assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (500, "164")
    assert http.get("/", params={"query": f"SELECT count() FROM {table}"}).text == "0\n"
    assert http.get("/", params={"query": "SELECT 1", "max_threads": "2", "readonly": "1"}).text == "1\n"


def test_readonly_in_the_url_holds_for_post(http: httpx.Client, table: str) -> None:
    reply = http.post("/", params={"readonly": "1"}, content=f"TRUNCATE TABLE {table}")
    assert reply.headers["x-clickhouse-exception-code"] == "164"


@pytest.mark.parametrize(
    ("statement", "status", "code", "name"),
    [
        ("SELEC 1", 400, 62, "SYNTAX_ERROR"),
        ("", 400, 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, 62, "SYNTAX_ERROR"),
        ("SELECT nope", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT * FROM nope", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT nope()", 404, 46, "UNKNOWN_FUNCTION"),
        ("SELECT 1 FORMAT Nope", 404, 73, "UNKNOWN_FORMAT"),
        ("SELECT throwIf(1)", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT toUInt8('x')", 400, 6, "CANNOT_PARSE_TEXT"),
        ("SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a Int8')", 403, 497, "ACCESS_DENIED"),
        (
            "SELECT max(cityHash64(number)) FROM numbers(1e13) SETTINGS max_execution_time = 1, max_rows_to_read = 0",
            408,
            159,
            "TIMEOUT_EXCEEDED",
        ),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 500, 358, "INTO_OUTFILE_NOT_ALLOWED"),
    ],
)
def test_errors_are_clickhouses(http: httpx.Client, statement: str, status: int, code: int, name: str) -> None:
    reply = http.post("/", content=statement)
    assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert reply.text.startswith(f"Code: {code}. DB::Exception: ")
    assert reply.text.count("DB::Exception") == 1
    assert f"({name}) (version " in reply.text
    assert reply.text.endswith(")\n")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"nope": "1"}, 115),
        ({"max_threads": "many"}, 27),
        ({"a b": "1"}, 115),
        ({"x'; DROP": "1"}, 115),
        ({"database": "nope"}, 81),
        ({"default_format": "CSV SETTINGS x"}, 73),
        ({"wait_end_of_query": "perhaps"}, 36),
        ({"param_x": "two"}, 457),
    ],
)
def test_parameters_that_cannot_be_used_are_told(http: httpx.Client, parameters: dict[str, str], code: int) -> None:
    reply = http.post("/", params=parameters, content="SELECT {x:UInt8}" if "param_x" in parameters else "SELECT 1")
    assert reply.headers["x-clickhouse-exception-code"] == str(code)


def test_a_statement_may_be_as_long_as_the_engine_takes(http: httpx.Client) -> None:
    long = f"SELECT length('{'x' * 300_000}')"
    refused = http.post("/", content=long)
    assert (refused.status_code, refused.headers["x-clickhouse-exception-code"]) == (400, "62")
    assert http.post("/", params={"max_query_size": "1000000"}, content=long).text == "300000\n"


def test_curl_works_as_the_manual_of_clickhouse_shows_it(door: Door) -> None:
    def curl(*arguments: str, data: str | None = None) -> str:
        command = ["curl", "-sS", "--user", f"default:{SECRET}", *arguments]
        return subprocess.run(command, input=data, capture_output=True, text=True, timeout=60, check=True).stdout

    assert curl(f"{door.url}/?query=SELECT%201") == "1\n"
    assert curl(door.url, "-d", "SELECT 1 FORMAT JSONEachRow") == '{"1":1}\n'
    assert curl(door.url, "--data-binary", "@-", data="SELECT 2") == "2\n"


def test_a_result_that_breaks_off_makes_curl_fail(door: Door) -> None:
    query = "SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(4000000)"
    command = ["curl", "-sS", "--user", f"default:{SECRET}", door.url, "-d", query]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 18
    assert b"boom" in ended.stdout[-2000:]


def test_the_engine_of_the_door_is_the_one_of_this_process(http: httpx.Client, database: Database, table: str) -> None:
    database.command(f"INSERT INTO {table} VALUES (7, 'x')")
    assert http.post("/", content=f"SELECT * FROM {table}").text == "7\tx\n"
