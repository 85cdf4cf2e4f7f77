"""How segments are inserted: what deduplication relies on."""

from pathlib import Path

import pytest

from spanhouse_collector.varint import delimited
from spanhouse_schema import Database
from spanhouse_schema.clickhouse.insert_settings import insert_settings

_RECORDS = 530_000


@pytest.mark.slow
def test_an_insert_is_one_block_however_many_rows_it_makes(database: Database, tmp_path: Path) -> None:
    """Of two blocks one may be stored and the other not: then the same token with a record less would lose rows."""
    request = delimited(b"\x0a", delimited(b"\x12", b"\x12\x00" * _RECORDS))
    segment = tmp_path / "three-requests.segment"
    segment.write_bytes(delimited(b"", delimited(b"\x0a", request) + delimited(b"\x12", b"many")) * 3)
    settings = insert_settings("logs") | {"insert_deduplication_token": "three-requests"}
    database.insert_file("spanhouse.otlp_logs", segment, "Protobuf", settings=settings)
    parts = "SELECT max(rows) FROM system.parts WHERE database = 'spanhouse' AND table = 'otel_logs' AND level = 0"
    assert database.rows(parts) == [(3 * _RECORDS,)]
