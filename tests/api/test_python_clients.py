"""clickhouse-connect as a reader: its clients, its data frames and streams, its dialect of SQLAlchemy."""

import asyncio
from collections.abc import Generator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, ProgrammingError
from sqlalchemy import MetaData, Table, create_engine, func, inspect, select, text

from spanhouse_schema import Database
from tests.api.conftest import Door

OURS = "WHERE ServiceName = 'read-by-python'"


@pytest.fixture(scope="module", autouse=True)
def _spans(database: Database) -> None:
    database.command(
        "INSERT INTO spanhouse.otel_traces (TenantId, ServiceName, SpanName, Duration) SELECT "
        "['acme', 'zed'][number % 2 + 1], 'read-by-python', concat('span ', toString(number)), number FROM numbers(20)"
    )


@pytest.fixture(params=["compressed, in a session", "plain, without sessions"])
def client(door: Door, reader_keys: dict[str, str], request: pytest.FixtureRequest) -> Generator[Client]:
    """A client as it comes, and one with little asked of the door."""
    client = clickhouse_connect.get_client(
        host=door.host,
        port=door.port,
        username="analyst",
        password=reader_keys["acme"],
        compress=not request.param.startswith("plain"),
        autogenerate_session_id=not request.param.startswith("plain"),
    )
    yield client
    client.close()


def test_rows_of_its_tenant(client: Client) -> None:
    result = client.query(f"SELECT TenantId, count(), sum(Duration) FROM otel_traces {OURS} GROUP BY TenantId")
    assert result.result_rows == [("acme", 10, 90)]
    assert result.summary["read_rows"] == "0"
    assert client.command(f"SELECT count() FROM otel_traces {OURS}") == 10


def test_values_of_parameters(client: Client) -> None:
    asked = f"SELECT SpanName FROM otel_traces {OURS} AND Duration IN {{durations:Array(UInt64)}} ORDER BY SpanName"
    assert client.query(asked, parameters={"durations": [1, 2, 4]}).result_columns == [["span 2", "span 4"]]
    assert client.query("SELECT %(text)s", parameters={"text": "it's"}).result_rows == [("it's",)]


def test_a_data_frame_and_an_arrow_table(client: Client) -> None:
    asked = f"SELECT SpanName, Duration FROM otel_traces {OURS} ORDER BY Duration LIMIT 2"
    assert client.query_df(asked).to_dict("list") == {"SpanName": ["span 0", "span 2"], "Duration": [0, 2]}
    assert client.query_arrow(asked).column("Duration").to_pylist() == [0, 2]


def test_a_stream(client: Client) -> None:
    with client.query_row_block_stream("SELECT number FROM numbers(500000)") as blocks:
        assert sum(len(block) for block in blocks) == 500_000


def test_settings_that_a_reader_may_change_are_sent_and_the_others_kept_back(client: Client) -> None:
    asked = "SELECT value FROM system.settings WHERE name = 'max_execution_time'"
    assert client.query(asked, settings={"max_execution_time": 7}).result_rows == [("7",)]
    shown = client.raw_query(
        "SELECT 1::UInt64 AS n", settings={"output_format_json_quote_64bit_integers": 1}, fmt="JSONEachRow"
    )
    assert shown == b'{"n":"1"}\n'
    with pytest.raises(ProgrammingError, match="max_threads is readonly"):
        client.query("SELECT 1", settings={"max_threads": 64})


def test_what_is_denied_says_why(client: Client) -> None:
    with pytest.raises(DatabaseError, match="the function file may not be called by readers"):
        client.query("SELECT file('/etc/passwd')")
    with pytest.raises(DatabaseError, match="Not enough privileges"):
        client.insert("otel_traces", [["x"]], column_names=["SpanName"])


def test_the_asynchronous_client(door: Door, reader_keys: dict[str, str]) -> None:
    async def ask() -> list[object]:
        client = await clickhouse_connect.get_async_client(
            host=door.host, port=door.port, username="analyst", password=reader_keys["acme"]
        )
        async with client:
            asked = f"SELECT count() FROM otel_traces {OURS}"
            results = await asyncio.gather(*(client.query(asked) for _ in range(5)))
        return [result.result_rows[0][0] for result in results]

    assert asyncio.run(ask()) == [10] * 5


def test_sqlalchemy_reflects_and_selects(door: Door, reader_keys: dict[str, str]) -> None:
    engine = create_engine(f"clickhousedb://analyst:{reader_keys['acme']}@{door.host}:{door.port}/spanhouse")
    inspector = inspect(engine)
    assert {"otel_traces", "otel_logs"} <= set(inspector.get_table_names())
    assert "sql_audit" not in inspector.get_table_names()
    assert inspector.has_table("otel_traces")
    assert not inspector.has_table("sql_audit")
    spans = Table("otel_traces", MetaData(), autoload_with=engine)
    ours = spans.c.ServiceName == "read-by-python"
    with engine.connect() as connection:
        assert connection.execute(select(func.count(), func.max(spans.c.TenantId)).where(ours)).one() == (10, "acme")
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()
