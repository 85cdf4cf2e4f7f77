"""What holds for every table, whoever adds one."""

import re
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from spanhouse_schema import Database, Settings, StatementFailed
from spanhouse_schema.derive import daily_sums

DEDUPLICATION_WINDOW = 10_000


def test_every_table_that_an_insert_reaches_remembers_enough_inserts(database: Database) -> None:
    """A table with a smaller window would keep the rows of a replay twice.

    But for the ledger and its sums: nothing is replayed there, and what is like an earlier INSERT is meant.
    """
    rows = database.rows(
        "SELECT name, toUInt64OrZero(extract(engine_full, 'non_replicated_deduplication_window = (\\\\d+)')), "
        "toUInt64OrZero(extract(engine_full, ' replicated_deduplication_window = (\\\\d+)')) "
        "FROM system.tables WHERE database = 'spanhouse' AND engine LIKE '%MergeTree' AND name != 'alembic_version'"
    )
    assert rows
    windows = {name: (plain, replicated) for name, plain, replicated in rows}
    remembers_none = {name: windows.pop(name) for name in ("daily_ledger", *daily_sums.TABLES)}
    assert set(remembers_none.values()) == {(0, 0)}
    for name, (plain, replicated) in windows.items():
        assert plain >= DEDUPLICATION_WINDOW, name
        assert replicated >= DEDUPLICATION_WINDOW, name


def test_a_row_that_another_collector_inserts_belongs_to_the_default_tenant(database: Database) -> None:
    database.command(
        "INSERT INTO spanhouse.otel_traces (Timestamp, TraceId, SpanName) VALUES (now64(9), 'foreign', 'chat')"
    )
    (row,) = database.rows(
        "SELECT TenantId, IngestedAt > now() - 60 FROM spanhouse.otel_traces WHERE TraceId = 'foreign'"
    )
    assert row == ("default", 1)


def test_what_another_collector_inserts_can_be_looked_up_by_trace_id(database: Database) -> None:
    database.command(
        "INSERT INTO spanhouse.otel_traces (Timestamp, TraceId) "
        "VALUES ('2026-01-02 03:04:05.5', 'lookup'), ('2026-01-02 03:05:05', 'lookup')"
    )
    (row,) = database.rows(
        "SELECT min(Start)::String, (max(End) + 1)::String FROM spanhouse.otel_traces_trace_id_ts "
        "WHERE TraceId = 'lookup' SETTINGS session_timezone = 'UTC'"
    )
    assert row == ("2026-01-02 03:04:05", "2026-01-02 03:05:06")


def test_a_response_is_looked_for_by_an_index_and_not_in_every_day(database: Database) -> None:
    asked = "SELECT count() FROM spanhouse.response_ids WHERE (TenantId, ResponseId) IN (SELECT 'tenant', 'response')"
    database.command("INSERT INTO spanhouse.response_ids (TenantId, ResponseId) VALUES ('index', 'index')")
    plan = "\n".join(line for (line,) in database.rows(f"EXPLAIN indexes = 1 {asked}"))
    assert "idx_response_id" in plan


@pytest.mark.parametrize(
    ("table", "column"), [("otel_traces", "Timestamp"), ("otel_logs", "Timestamp"), ("otel_metrics_gauge", "TimeUnix")]
)
@pytest.mark.parametrize("unix_nano", [-(2**63), -1, 0, 2**32 * 10**9, 2**63 - 1])
def test_a_bound_on_time_finds_a_row_of_any_time(database: Database, table: str, column: str, unix_nano: int) -> None:
    """A sort key that wraps such a time would have its part skipped."""
    tenant = f"any-time-{unix_nano}"
    time = f"reinterpret(toInt64({unix_nano}), 'DateTime64(9)')"
    database.command(f"INSERT INTO spanhouse.{table} ({column}, TenantId) SELECT {time}, '{tenant}'")
    for bound in ("< now64(9)" if unix_nano < 2**60 else "> now64(9)", f"BETWEEN {time} AND {time}"):
        query = f"SELECT count() FROM spanhouse.{table} WHERE TenantId = '{tenant}' AND {column} {bound}"
        assert database.rows(query) == [(1,)], bound


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
        "SELECT * FROM remote('127.0.0.1:9', system.one)",
        "INSERT INTO FUNCTION file('leak.txt', CSV, 'a String') SELECT 'x'",
        "CREATE TABLE spanhouse.leak (a String) ENGINE = File(CSV)",
        "BACKUP TABLE spanhouse.otel_traces TO File('/tmp/leak')",
    ],
)
def test_no_statement_reaches_files_or_the_network(database: Database, statement: str) -> None:
    with pytest.raises(StatementFailed) as refused:
        database.command(statement)
    assert refused.value.code == 497, "ACCESS_DENIED"


def test_no_system_log_table_grows(database: Database, settings: Settings) -> None:
    """There is one for each that the configuration names."""
    configuration = ElementTree.parse(settings.data_dir / "engine-config" / "config.xml")
    assert [each.tag for each in configuration.iter() if each.tag.endswith("_log")] == []
    rows = database.rows("SELECT name FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'")
    assert rows == []


def test_every_table_says_what_it_is_for() -> None:
    for file in Path(str(files("spanhouse_schema").joinpath("sql"))).rglob("*.*"):
        assert file.read_text(encoding="utf-8").startswith(("-- ", "// ")), file.name


def test_every_insert_into_a_table_of_ours_names_its_columns() -> None:
    """A column that is added or moved must not change what an INSERT says.

    The settling's temporary tables are left out: each is made of the SELECT that fills it.
    """
    root = Path(__file__).parents[2]
    packages = ("schema", "collector", "api", "web", "grafana", "server", "bench")
    sources = [file for package in packages for kind in ("*.sql", "*.py") for file in (root / package).rglob(kind)]
    found = [
        (file.name, insert, rest[:1])
        for file in sources
        for insert, rest in re.findall(r"(INSERT INTO spanhouse\.[\w{}.]+)[\s\"]*(.)", file.read_text(encoding="utf-8"))
    ]
    assert len(found) > 10
    assert [insert for insert in found if insert[2] != "("] == []
