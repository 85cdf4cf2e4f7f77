"""Fair use: each key has its turns and its limits, and nobody waits for another's statements."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from spanhouse_schema import Database, Settings
from tests.api.conftest import Door
from tests.support.waiting import until

LONG = "SELECT count() FROM numbers(9000000000) WHERE NOT ignore(sipHash64(number)) SETTINGS max_execution_time = 4"


def _reader(door: Door, key: str) -> httpx.Client:
    return httpx.Client(base_url=door.url, headers={"x-clickhouse-key": key}, timeout=60)


def _running(database: Database) -> int:
    return int(database.rows("SELECT count() FROM system.processes WHERE query LIKE '%numbers(9000000000)%'")[0][0]) - 1


@pytest.mark.slow
def test_a_key_runs_four_statements_sixteen_wait_and_the_next_is_sent_away(
    door: Door, database: Database, reader_keys: dict[str, str]
) -> None:
    with ExitStack() as stack:
        acme = stack.enter_context(_reader(door, reader_keys["acme"]))
        zed = stack.enter_context(_reader(door, reader_keys["zed"]))
        pool = stack.enter_context(ThreadPoolExecutor(20))
        heavy = [pool.submit(acme.post, "/", content=LONG) for _ in range(20)]
        until(lambda: _running(database) == 4)
        until(lambda: acme.post("/", content="SELECT 1", params={"query_id": "one too many"}).status_code == 429)
        refused = acme.post("/", content="SELECT 1")
        assert refused.headers["retry-after"] == "1"
        assert "Too many simultaneous queries: 4 statements of this key run, and 16 wait" in refused.text
        assert refused.headers["x-clickhouse-exception-code"] == "202"
        # Another tenant does not notice.
        for _ in range(5):
            assert zed.post("/", content="SELECT 1").text == "1\n"
        assert _running(database) <= 4
        codes = [each.result().headers.get("x-clickhouse-exception-code") for each in heavy]
    assert set(codes) <= {"159", "202"}
    assert codes.count("159") >= 8


def test_a_statement_ends_at_its_limit_of_time_which_can_be_lowered_and_not_raised(
    door: Door, reader_keys: dict[str, str], settings: Settings
) -> None:
    with _reader(door, reader_keys["acme"]) as acme:
        reply = acme.post("/", content=LONG, params={"max_execution_time": "0.3"})
        # A SETTINGS clause wins over the URL, as in ClickHouse.
        assert reply.headers["x-clickhouse-exception-code"] == "159"
        short = acme.post("/", content=LONG.partition(" SETTINGS")[0], params={"max_execution_time": "0.3"})
        assert short.headers["x-clickhouse-exception-code"] == "159"
        assert "maximum: 300.000 ms" in short.text
        for asked in ("0", "100000", "1e9"):
            shown = acme.post(
                "/",
                content="SELECT value FROM system.settings WHERE name = 'max_execution_time'",
                params={"max_execution_time": asked},
            )
            assert shown.text == f"{settings.reader_seconds}\n"


def test_a_statement_has_its_limit_of_memory(door: Door, reader_keys: dict[str, str]) -> None:
    with _reader(door, reader_keys["acme"]) as acme:
        reply = acme.post("/", content="SELECT groupArray(number) FROM numbers(1000000000)")
    assert reply.headers["x-clickhouse-exception-code"] == "241"


@pytest.mark.parametrize("value", ["abc", "nan", "-1"])
def test_a_limit_that_is_none_is_refused(door: Door, reader_keys: dict[str, str], value: str) -> None:
    with _reader(door, reader_keys["acme"]) as acme:
        reply = acme.post("/", content="SELECT 1", params={"max_result_rows": value})
    assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (400, "36")
