"""Rows are kept by when they came, whole parts at a time."""

from collections.abc import Generator

import pytest

from spanhouse_schema import Database
from spanhouse_schema.clickhouse import retention

EVERY_TABLE = sorted((*retention.RAW_TABLES, retention.AUDIT))
KEEP_ALL = (0, 0)


@pytest.fixture
def kept_by_default(database: Database) -> Generator[Database]:
    """The database with the default retention, 90 days and 365 for the audit, and without any afterwards."""
    retention.apply(database, 90, 365)
    yield database
    retention.apply(database, *KEEP_ALL)


def _count(database: Database, tenant: str) -> int:
    query = "SELECT count() FROM spanhouse.otel_traces WHERE TenantId = {tenant:String}"
    (row,) = database.rows(query, parameters={"tenant": tenant})
    return int(row[0])


def _insert(database: Database, tenant: str, timestamp: str, ingested: str) -> None:
    database.command(
        "INSERT INTO spanhouse.otel_traces (Timestamp, TraceId, TenantId, IngestedAt) "
        f"SELECT {timestamp}, 'a', '{tenant}', {ingested}",
        settings={"insert_deduplication_token": f"{tenant}{timestamp}{ingested}"},
    )


def test_rows_go_when_they_were_ingested_longer_ago_than_the_setting(kept_by_default: Database) -> None:
    _insert(kept_by_default, "retention-old", "now64(9)", "now64(3) - INTERVAL 91 DAY")
    _insert(kept_by_default, "retention-old", "now64(9)", "now64(3) - INTERVAL 89 DAY")
    kept_by_default.command("OPTIMIZE TABLE spanhouse.otel_traces FINAL")
    assert _count(kept_by_default, "retention-old") == 1


def test_the_audit_is_kept_by_a_setting_of_its_own(kept_by_default: Database) -> None:
    for days in (91, 364, 366):
        kept_by_default.command(
            "INSERT INTO spanhouse.sql_audit (TenantId, StartedAt, DurationMs) "
            f"SELECT 'retention-audit', now64(3) - INTERVAL {days} DAY, {days}"
        )
    kept_by_default.command("OPTIMIZE TABLE spanhouse.sql_audit FINAL")
    query = "SELECT DurationMs FROM spanhouse.sql_audit WHERE TenantId = 'retention-audit' ORDER BY DurationMs"
    assert kept_by_default.rows(query) == [(91.0,), (364.0,)]


@pytest.mark.parametrize(
    "timestamp",
    ["toDateTime64(0, 9)", "reinterpret(9223372036854775807, 'DateTime64(9)')", "reinterpret(-1, 'DateTime64(9)')"],
)
def test_a_timestamp_far_from_now_does_not_shorten_a_rows_life(kept_by_default: Database, timestamp: str) -> None:
    tenant = f"retention-{abs(hash(timestamp))}"
    _insert(kept_by_default, tenant, timestamp, "now64(3)")
    kept_by_default.command("OPTIMIZE TABLE spanhouse.otel_traces FINAL")
    assert _count(kept_by_default, tenant) == 1


def test_the_longest_retention_that_is_accepted_keeps_what_comes_now(database: Database) -> None:
    """A TTL beyond what its type can hold would have wrapped, and the row be gone."""
    retention.apply(database, 10_000, 0)
    _insert(database, "retention-longest", "now64(9)", "now64(3)")
    database.command("OPTIMIZE TABLE spanhouse.otel_traces FINAL")
    retention.apply(database, *KEEP_ALL)
    assert _count(database, "retention-longest") == 1


def test_only_what_differs_is_changed(database: Database) -> None:
    assert retention.apply(database, 30, 30) == EVERY_TABLE
    assert retention.apply(database, 30, 30) == []
    assert retention.apply(database, 30, 31) == [retention.AUDIT]
    assert retention.apply(database, *KEEP_ALL) == EVERY_TABLE
    assert retention.apply(database, *KEEP_ALL) == []


def test_every_raw_table_has_a_retention(database: Database) -> None:
    """A table with the time of ingestion holds raw rows, or what is read off each; of that, what records say stays."""
    rows = database.rows(
        "SELECT DISTINCT table FROM system.columns WHERE database = 'spanhouse' AND name = 'IngestedAt' "
        "AND table IN (SELECT name FROM system.tables WHERE database = 'spanhouse' AND engine != 'Null') "
        "AND table NOT LIKE '%\\_mv' AND table NOT LIKE 'otlp\\_%' AND table NOT LIKE 'record\\_%' ORDER BY table"
    )
    assert [name for (name,) in rows] == sorted(retention.RAW_TABLES)
