"""Raw rows are kept by when they came, whole parts at a time."""

from collections.abc import Generator

import pytest

from spanhouse_schema import Database, retention


@pytest.fixture
def kept_90_days(database: Database) -> Generator[Database]:
    """The database with the default retention, and without any afterwards."""
    retention.apply(database, 90)
    yield database
    retention.apply(database, 0)


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


def test_rows_go_when_they_were_ingested_longer_ago_than_the_setting(kept_90_days: Database) -> None:
    _insert(kept_90_days, "retention-old", "now64(9)", "now64(3) - INTERVAL 91 DAY")
    _insert(kept_90_days, "retention-old", "now64(9)", "now64(3) - INTERVAL 89 DAY")
    kept_90_days.command("OPTIMIZE TABLE spanhouse.otel_traces FINAL")
    assert _count(kept_90_days, "retention-old") == 1


@pytest.mark.parametrize(
    "timestamp",
    ["toDateTime64(0, 9)", "reinterpret(9223372036854775807, 'DateTime64(9)')", "reinterpret(-1, 'DateTime64(9)')"],
)
def test_a_timestamp_far_from_now_does_not_shorten_a_rows_life(kept_90_days: Database, timestamp: str) -> None:
    tenant = f"retention-{abs(hash(timestamp))}"
    _insert(kept_90_days, tenant, timestamp, "now64(3)")
    kept_90_days.command("OPTIMIZE TABLE spanhouse.otel_traces FINAL")
    assert _count(kept_90_days, tenant) == 1


def test_only_what_differs_is_changed(database: Database) -> None:
    assert retention.apply(database, 30) == sorted(retention.RAW_TABLES)
    assert retention.apply(database, 30) == []
    assert retention.apply(database, 0) == sorted(retention.RAW_TABLES)
    assert retention.apply(database, 0) == []


def test_every_raw_table_has_a_retention(database: Database) -> None:
    """A table with the time of ingestion is a raw table; derived ones keep their rows longer."""
    rows = database.rows(
        "SELECT DISTINCT table FROM system.columns WHERE database = 'spanhouse' AND name = 'IngestedAt' "
        "AND table NOT LIKE '%\\_mv' AND table NOT LIKE 'otlp\\_%' ORDER BY table"
    )
    assert [name for (name,) in rows] == sorted(retention.RAW_TABLES)
