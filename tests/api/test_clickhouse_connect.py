"""clickhouse-connect's own HTTP client, unchanged, on the door."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from sqlalchemy import create_engine, text

from tests.api.conftest import SECRET, Door


def _connect(door: Door, **options: Any) -> Client:
    return clickhouse_connect.get_client(host=door.host, port=door.port, username="default", password=SECRET, **options)


@pytest.fixture(params=["compressed, in a session", "plain, without sessions"])
def client(door: Door, request: pytest.FixtureRequest) -> Generator[Client]:
    """A client as it comes, and one with little asked of the door."""
    plain = {"compress": False, "autogenerate_session_id": False} if request.param.startswith("plain") else {}
    client = _connect(door, **plain)
    yield client
    client.close()


def test_values_of_many_types_arrive(client: Client) -> None:
    result = client.query(
        "SELECT number, toString(number), toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0'), [1, 2], map('a', 1), "
        "toLowCardinality('x'), NULL, toDecimal64(1.5, 3), toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC') "
        "FROM numbers(2)"
    )
    expected = ("0", UUID("61f0c404-5cb3-11e7-907b-a6006ad3dba0"), [1, 2], {"a": 1}, "x", None, Decimal("1.500"))
    assert result.result_rows[0] == (0, *expected, datetime(2026, 1, 2, 3, 4, 5, 678000))
    assert result.summary["read_rows"] == "2"
    assert client.command("SELECT 1") == 1


def test_what_is_inserted_comes_back(client: Client, table: str) -> None:
    rows = [[number, f"row {number}"] for number in range(1000)]
    assert client.insert(table, rows, column_names=["a", "b"]).written_rows == 1000
    client.insert_df(table, client.query_df("SELECT 5000 + number AS a, ['x', 'y'][number + 1] AS b FROM numbers(2)"))
    assert client.raw_insert(table, insert_block=b"6000,z\n", fmt="CSV").written_rows == 1
    assert client.query(f"SELECT count(), max(a) FROM {table}").result_rows == [(1003, 6000)]
    frame = client.query_df(f"SELECT * FROM {table} ORDER BY a DESC LIMIT 2")
    assert frame.to_dict("list") == {"a": [6000, 5001], "b": ["z", "y"]}
    assert client.query(f"SELECT * FROM {table} LIMIT 0").column_names == ("a", "b")


def test_a_stream_arrives_whole_or_says_why_not(client: Client) -> None:
    with client.query_row_block_stream("SELECT number FROM numbers(1000000)") as blocks:
        assert sum(len(block) for block in blocks) == 1_000_000
    failing = "SELECT number, throwIf(number = 900000, 'boom') FROM numbers(1000000)"
    with pytest.raises(StreamFailureError, match="boom"), client.query_row_block_stream(failing) as blocks:
        for _ in blocks:
            pass


def test_errors_have_their_code(client: Client) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_IDENTIFIER") as error:
        client.query("SELECT nope")
    assert error.value.code == 47


def test_parameters_and_settings_are_bound(client: Client) -> None:
    values = {"x": "a'b\\c\t", "y": [1, 2], "z": datetime(2026, 1, 2, tzinfo=UTC)}
    assert client.query("SELECT {x:String}, {y:Array(Int32)}", parameters=values).result_rows == [("a'b\\c\t", [1, 2])]
    assert client.query("SELECT length({x:String})", parameters={"x": "y" * 20_000}).result_rows == [(20_000,)]
    assert client.query("SELECT getSetting('max_threads')", settings={"max_threads": 3}).result_rows == [(3,)]


def test_a_session_keeps_what_is_set_and_made(door: Door) -> None:
    client = _connect(door)
    client.command("SET max_threads = 3")
    client.command("CREATE TEMPORARY TABLE mine (a Int32)")
    client.insert("mine", [[1], [2]], column_names=["a"], column_type_names=["Int32"])
    assert client.query("SELECT sum(a), getSetting('max_threads') FROM mine").result_rows == [(3, 3)]
    client.close()


def test_a_wrong_password_is_told(door: Door) -> None:
    with pytest.raises(DatabaseError, match="AUTHENTICATION_FAILED"):
        clickhouse_connect.get_client(host=door.host, port=door.port, username="default", password="wrong")


def test_sqlalchemy_speaks_through_it(door: Door, table: str) -> None:
    engine = create_engine(f"clickhousedb://default:{SECRET}@{door.host}:{door.port}/spanhouse")
    with engine.connect() as connection:
        connection.execute(text(f"INSERT INTO {table} VALUES (1, 'x')"))
        assert connection.execute(text(f"SELECT * FROM {table}")).fetchall() == [(1, "x")]
    engine.dispose()


def test_many_clients_at_once_do_not_disturb_each_other(door: Door) -> None:
    async def ask(client: httpx.AsyncClient, number: int) -> bool:
        said = {"param_n": str(number), "session_id": f"at once {number % 7}" if number % 3 else f"own {number}"}
        while True:
            reply = await client.post("/", params=said, content="SELECT {n:UInt32}, sleep(0.01)")
            if reply.headers.get("x-clickhouse-exception-code") != "373":
                return reply.text == f"{number}\t0\n"
            await asyncio.sleep(0.02)

    async def ask_all() -> list[bool]:
        limits = httpx.Limits(max_connections=50)
        headers = {"x-clickhouse-key": SECRET}
        async with httpx.AsyncClient(base_url=door.url, headers=headers, limits=limits, timeout=60) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(200)))

    assert all(asyncio.run(ask_all()))
