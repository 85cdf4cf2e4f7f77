"""The protocol, seen from plain HTTP."""

import json

import httpx
import pytest

from tests.api.conftest import Door


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


def test_the_format_is_the_statements_or_the_requests(http: httpx.Client) -> None:
    asked = http.post("/", params={"default_format": "JSONEachRow"}, content="SELECT 1 AS a")
    assert (asked.text, asked.headers["x-clickhouse-format"]) == ('{"a":1}\n', "JSONEachRow")
    named = http.post("/", params={"default_format": "JSONEachRow"}, content="SELECT 1 AS a FORMAT CSVWithNames;")
    assert (named.text, named.headers["x-clickhouse-format"]) == ('"a"\n1\n', "CSVWithNames")
    header = http.post("/", headers={"x-clickhouse-format": "JSON"}, content="SELECT 1 AS a")
    assert header.json()["data"] == [{"a": 1}]
    assert header.headers["content-type"] == "application/json; charset=UTF-8"


def test_a_reply_says_what_it_is(http: httpx.Client) -> None:
    reply = http.post("/", params={"query_id": "mine"}, content="SELECT number FROM numbers(10)")
    assert reply.headers["x-clickhouse-query-id"] == "mine"
    assert reply.headers["x-clickhouse-timezone"]
    assert reply.headers["x-clickhouse-server-display-name"]
    summary = json.loads(reply.headers["x-clickhouse-summary"])
    assert (summary["result_rows"], summary["read_rows"]) == ("10", "10")
