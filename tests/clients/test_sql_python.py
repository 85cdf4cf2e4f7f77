"""Each way in which clickhouse-connect reads, at a running Spanhouse: an analyst gets the rows of one tenant."""

import asyncio
import json
from collections.abc import Callable, Generator, Iterable
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect import common
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, ProgrammingError
from sqlalchemy import Engine, MetaData, Table, create_engine, inspect, select

from tests.clients.two_tenants import SPANS, TENANTS, Analyst, analyst_of_acme

pytestmark = pytest.mark.slow

ASKED = "SELECT SpanName, Duration FROM otel_traces ORDER BY Duration"
OURS = ["acme's"] * SPANS


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Generator[Analyst]:
    """The analyst of this module."""
    with analyst_of_acme(tmp_path_factory.mktemp("sql-python") / "data") as analyst:
        yield analyst


def _connect(analyst: Analyst, **options: Any) -> Client:
    return clickhouse_connect.get_client(
        host=analyst.host, port=analyst.port, **{"username": "analyst", "password": analyst.key, **options}
    )


@pytest.fixture
def client(analyst: Analyst) -> Generator[Client]:
    """A client as it comes."""
    client = _connect(analyst)
    yield client
    client.close()


@pytest.mark.parametrize("compress", [False, "gzip", "zstd", "lz4"])
def test_in_each_compression(analyst: Analyst, compress: bool | str) -> None:
    client = _connect(analyst, compress=compress)
    assert client.query(ASKED).result_columns[0] == OURS
    client.close()


def test_with_the_key_as_a_token_and_what_is_bound_in_a_form(analyst: Analyst) -> None:
    client = _connect(analyst, username=None, password="", access_token=analyst.key, form_encode_query_params=True)
    asked = "SELECT count() FROM otel_traces WHERE SpanName IN {names:Array(String)}"
    assert client.query(asked, parameters={"names": [f"{tenant}'s" for tenant in TENANTS]}).result_rows == [(SPANS,)]
    assert client.query("SELECT length({x:String})", parameters={"x": "y" * 200_000}).result_rows == [(200_000,)]
    client.close()


def _arrow_stream(client: Client) -> Iterable[Any]:
    with client.query_arrow_stream(ASKED) as tables:
        return [name for table in tables for name in table["SpanName"].to_pylist()]


def _column_stream(client: Client) -> Iterable[Any]:
    with client.query_column_block_stream(ASKED) as blocks:
        return [name for block in blocks for name in block[0]]


def _frame_stream(client: Client) -> Iterable[Any]:
    with client.query_df_stream(ASKED) as frames:
        return [name for frame in frames for name in frame["SpanName"]]


WAYS: dict[str, Callable[[Client], Iterable[Any]]] = {
    "data frame": lambda client: client.query_df(ASKED)["SpanName"],
    "data frame of Arrow": lambda client: client.query_df_arrow(ASKED)["SpanName"],
    "NumPy": lambda client: client.query_np(ASKED)["SpanName"],
    "Arrow": lambda client: client.query_arrow(ASKED, use_strings=True)["SpanName"].to_pylist(),
    "Arrow, streamed": _arrow_stream,
    "columns, streamed": _column_stream,
    "data frames, streamed": _frame_stream,
    "raw lines": lambda client: [json.loads(line)["SpanName"] for line in client.raw_stream(ASKED, fmt="JSONEachRow")],
}


@pytest.mark.parametrize("way", WAYS)
def test_as_what_python_computes_with(client: Client, way: str) -> None:
    assert list(WAYS[way](client)) == OURS


def test_limits_that_the_analyst_sets(analyst: Analyst, client: Client) -> None:
    with pytest.raises(DatabaseError, match="TOO_MANY_ROWS_OR_BYTES"):
        client.query(ASKED, settings={"max_result_rows": 3})
    filters = {"additional_table_filters": {"spanhouse.otel_traces": "Duration >= 7"}}
    assert client.query(ASKED, settings=filters).result_columns[1] == [7, 8, 9]
    shown = "SELECT value FROM system.settings WHERE name = 'max_execution_time'"
    raised = _connect(analyst, settings={"max_execution_time": 86_400})
    assert raised.query(shown).result_rows == [("60",)]
    raised.close()


@pytest.fixture
def _invalid_setting_action() -> Generator[None]:
    """Whatever a test has clickhouse-connect do with such settings, the next one finds as it was."""
    before = common.get_setting("invalid_setting_action")
    yield
    common.set_setting("invalid_setting_action", before)


@pytest.mark.usefixtures("_invalid_setting_action")
def test_settings_that_are_not_the_analysts(client: Client) -> None:
    asked = {"max_threads": 64}
    with pytest.raises(ProgrammingError, match="max_threads is readonly"):
        client.query("SELECT 1", settings=asked)
    common.set_setting("invalid_setting_action", "drop")
    assert client.query("SELECT 1", settings=asked).result_rows == [(1,)]
    common.set_setting("invalid_setting_action", "send")
    with pytest.raises(DatabaseError, match="max_threads"):
        client.query("SELECT 1", settings=asked)


def test_the_asynchronous_client_streams(analyst: Analyst) -> None:
    async def count() -> tuple[int, list[str]]:
        client = await clickhouse_connect.get_async_client(
            host=analyst.host, port=analyst.port, username="analyst", password=analyst.key
        )
        rows = 0
        async with client, await client.query_row_block_stream("SELECT number FROM numbers(300000)") as blocks:
            async for block in blocks:
                rows += len(block)
            names = list((await client.query_df(ASKED))["SpanName"])
        return rows, names

    assert asyncio.run(count()) == (300_000, OURS)


@pytest.fixture
def engine(analyst: Analyst) -> Generator[Engine]:
    """SQLAlchemy's, for the analyst."""
    engine = create_engine(f"clickhousedb://analyst:{analyst.key}@{analyst.host}:{analyst.port}/spanhouse")
    yield engine
    engine.dispose()


def test_sqlalchemy_reflects_whatever_it_lists(engine: Engine) -> None:
    inspector = inspect(engine)
    assert "spanhouse" in inspector.get_schema_names()
    listed = [*inspector.get_table_names(), *inspector.get_view_names()]
    assert {"otel_traces", "otel_logs"} <= set(listed)
    for name in listed:
        assert inspector.has_table(name)
        assert Table(name, MetaData(), autoload_with=engine).columns.keys()
    assert not inspector.has_table("alembic_version")


def test_sqlalchemy_selects_from_what_it_has_reflected(engine: Engine) -> None:
    spans = Table("otel_traces", MetaData(), autoload_with=engine)
    asked = select(spans.c.SpanName, spans.c.Duration).where(spans.c.SpanName.in_([f"{name}'s" for name in TENANTS]))
    with engine.connect() as connection:
        rows = connection.execute(asked.order_by(spans.c.Duration.desc()).limit(2)).all()
        assert [tuple(row) for row in rows] == [("acme's", 9), ("acme's", 8)]
