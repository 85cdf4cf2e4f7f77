"""Sessions: what is SET and made in one lasts from request to request, and in none longer."""

import threading
import time

import httpx
import pytest

from tests.api.conftest import SECRET, Door
from tests.support.waiting import until


def _code(reply: httpx.Response) -> str:
    return str(reply.headers.get("x-clickhouse-exception-code", ""))


@pytest.fixture
def session(http: httpx.Client, request: pytest.FixtureRequest) -> dict[str, str]:
    """The parameters of a session of this test's own."""
    return {"session_id": request.node.name}


def test_what_is_set_lasts_in_its_session_only(http: httpx.Client, session: dict[str, str]) -> None:
    ask = "SELECT getSetting('max_threads')"
    http.post("/", params=session, content="SET max_threads = 3").raise_for_status()
    assert http.post("/", params=session, content=ask).text == "3\n"
    assert http.post("/", params={"session_id": "other"}, content=ask).text != "3\n"
    assert http.post("/", content=ask).text != "3\n"


def test_settings_in_the_url_do_not_last(http: httpx.Client, session: dict[str, str]) -> None:
    ask = "SELECT getSetting('max_threads')"
    http.post("/", params=session, content="SET max_threads = 3")
    assert http.post("/", params={**session, "max_threads": "5"}, content=ask).text == "5\n"
    assert http.post("/", params={**session, "max_threads": "6"}, content=ask).text == "6\n"
    assert http.post("/", params=session, content=ask).text == "3\n"
    http.post("/", params={**session, "max_threads": "5"}, content="SET max_threads = 4")
    assert http.post("/", params=session, content=ask).text == "4\n"


def test_a_setting_that_is_refused_does_not_stick(http: httpx.Client, session: dict[str, str]) -> None:
    assert (
        _code(http.post("/", params={**session, "max_threads": "7", "max_block_size": "x"}, content="SELECT 1")) == "27"
    )
    assert http.post("/", params=session, content="SELECT getSetting('max_threads')").text != "7\n"
    assert _code(http.post("/", params={**session, "nope": "2"}, content="SELECT 1")) == "115"
    assert http.post("/", params=session, content="SELECT 1").text == "1\n"


def test_the_database_of_a_session_lasts_and_that_of_a_request_does_not(
    http: httpx.Client, session: dict[str, str]
) -> None:
    ask = "SELECT currentDatabase()"
    assert http.post("/", params=session, content=ask).text == "spanhouse\n"
    assert http.post("/", params={**session, "database": "system"}, content=ask).text == "system\n"
    assert http.post("/", params=session, content=ask).text == "spanhouse\n"
    http.post("/", params=session, content="USE system")
    assert http.post("/", params={**session, "database": "spanhouse"}, content=ask).text == "spanhouse\n"
    assert http.post("/", params=session, content=ask).text == "system\n"


def test_temporary_tables_last(http: httpx.Client, session: dict[str, str]) -> None:
    http.post("/", params=session, content="CREATE TEMPORARY TABLE mine (a UInt8)").raise_for_status()
    http.post("/", params=session, content="INSERT INTO mine FORMAT CSV\n1\n2\n").raise_for_status()
    assert http.post("/", params=session, content="SELECT sum(a) FROM mine").text == "3\n"
    assert _code(http.post("/", content="SELECT sum(a) FROM mine")) == "60"


def test_get_does_not_write_in_a_session_either(http: httpx.Client, session: dict[str, str], table: str) -> None:
    assert _code(http.get("/", params={**session, "query": f"TRUNCATE TABLE {table}"})) == "164"
    assert _code(http.get("/", params={**session, "query": f"WITH 1 AS x INSERT INTO {table} SELECT x, ''"})) == "164"
    assert http.post("/", params=session, content=f"TRUNCATE TABLE {table}").status_code == 200


def test_a_session_is_for_one_statement_at_a_time(door: Door, session: dict[str, str]) -> None:
    asked = {**session, "password": SECRET}

    def hold() -> None:
        httpx.post(door.url, params=asked, content="SELECT sleep(1.5), 'holding'", timeout=30)

    holding = threading.Thread(target=hold)
    holding.start()
    until(lambda: "holding" in httpx.post(door.url, params={"password": SECRET}, content="SHOW PROCESSLIST").text)
    assert _code(httpx.post(door.url, params=asked, content="SELECT 1")) == "373"
    holding.join()
    assert httpx.post(door.url, params=asked, content="SELECT 1").text == "1\n"


def test_a_session_ends_after_its_timeout(http: httpx.Client, session: dict[str, str]) -> None:
    assert _code(http.post("/", params={**session, "session_check": "1"}, content="SELECT 1")) == "372"
    http.post("/", params={**session, "session_timeout": "1"}, content="SET max_threads = 3").raise_for_status()
    again = {**session, "session_check": "1", "session_timeout": "1"}
    assert http.post("/", params=again, content="SELECT getSetting('max_threads')").text == "3\n"
    time.sleep(1.5)
    assert _code(http.post("/", params=again, content="SELECT 1")) == "372"


def test_a_session_ends_when_told(http: httpx.Client, session: dict[str, str]) -> None:
    http.post("/", params={**session, "close_session": "1"}, content="SELECT 1").raise_for_status()
    assert _code(http.post("/", params={**session, "session_check": "1"}, content="SELECT 1")) == "372"


@pytest.mark.parametrize("timeout", ["soon", "-1", "100000"])
def test_a_timeout_is_a_number_of_seconds(http: httpx.Client, session: dict[str, str], timeout: str) -> None:
    assert _code(http.post("/", params={**session, "session_timeout": timeout}, content="SELECT 1")) == "374"


def test_sessions_are_bounded(http: httpx.Client) -> None:
    opened = [f"many-{number}" for number in range(300)]
    codes = [_code(http.post("/", params={"session_id": name}, content="SELECT 1")) for name in opened]
    assert codes.count("202") >= 44
    for name in opened:
        http.post("/", params={"session_id": name, "close_session": "1"}, content="SELECT 1")
    assert http.post("/", params={"session_id": "one more"}, content="SELECT 1").text == "1\n"
