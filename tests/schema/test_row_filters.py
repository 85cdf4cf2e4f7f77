"""Row filters: what a reader sees of each relation, and that nobody else loses a row by them."""

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from spanhouse_schema import Database
from spanhouse_schema.access.row_filters import Relation, readable, relations, tenant_mark, to_xml
from tests.support.process import Spanhouse


def test_every_relation_of_every_database_has_a_filter_in_force(database: Database) -> None:
    filtered = {(name, table) for name, table in database.rows("SELECT database, table FROM system.row_policies")}
    there = set(
        database.rows("SELECT database, name FROM system.tables WHERE NOT is_temporary AND name NOT LIKE '%_test%'")
    )
    assert there - filtered == set()


def test_what_tenants_read_has_their_column_and_holds_rows(database: Database) -> None:
    tenants = {relation.name for relation in relations(database) if relation.is_tenants}
    assert {"otel_traces", "otel_logs", "otel_metrics_sum", "ingest_errors"} <= tenants
    assert not {name for name in tenants if name.endswith("_mv") or name.startswith("otlp_")}
    assert not tenants & {"alembic_version", "sql_audit"}
    assert {name for database_, name in readable(database) if database_ == "spanhouse"} == tenants


@pytest.mark.parametrize("engine", ["MaterializedView", "Dictionary", "Null"])
def test_a_relation_that_shows_anothers_rows_is_closed_although_it_has_the_column(engine: str) -> None:
    assert not Relation("spanhouse", "x", engine, "TenantId").is_tenants


def test_a_name_that_cannot_have_a_filter_is_left_out_and_so_not_readable() -> None:
    assert "odd name" not in to_xml([Relation("spanhouse", "odd name", "MergeTree", "TenantId")])


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Spanhouse]:
    """An engine with a span of each of two tenants."""
    with Spanhouse.start("engine", data_dir=tmp_path / "data") as engine:
        engine.sql_text("INSERT INTO otel_traces (TenantId, SpanName) VALUES ('default', 'ours'), ('zed', 'theirs')")
        yield engine


def _read(engine: Spanhouse, statement: str) -> str:
    # Without any key, whoever is on this machine reads the tenant `default`.
    return httpx.post(engine.sql, content=statement, timeout=60).text.strip()


@pytest.mark.slow
def test_a_refreshable_view_sees_every_tenants_rows_and_a_reader_its_own(engine: Spanhouse) -> None:
    engine.sql_text(
        "CREATE MATERIALIZED VIEW counted REFRESH EVERY 1 HOUR ENGINE = MergeTree ORDER BY TenantId AS "
        "SELECT TenantId, count() AS spans FROM spanhouse.otel_traces GROUP BY TenantId"
    )
    engine.sql_text("SYSTEM REFRESH VIEW counted")
    engine.sql_text("SYSTEM WAIT VIEW counted")
    assert engine.sql_text("SELECT TenantId, spans FROM counted ORDER BY TenantId") == "default\t1\nzed\t1"
    assert "not among what readers may read" in _read(engine, "SELECT * FROM counted")


@pytest.mark.slow
def test_a_table_that_came_while_it_ran_is_closed_and_after_a_restart_its_tenants(engine: Spanhouse) -> None:
    # Asked before there is such a table, so that the gate has let it through once.
    shadowed = "WITH notes AS (SELECT Text FROM notes) SELECT Text FROM notes"
    assert "UNKNOWN_TABLE" in _read(engine, shadowed)
    engine.sql_text("CREATE TABLE notes (TenantId String, Text String) ENGINE = MergeTree ORDER BY TenantId")
    engine.sql_text("INSERT INTO notes VALUES ('default', 'ours'), ('zed', 'theirs')")
    engine.sql_text("CREATE VIEW notes_view AS SELECT TenantId AS tenant_id, Text FROM spanhouse.notes")
    engine.sql_text("CREATE TABLE secrets (Text String) ENGINE = MergeTree ORDER BY Text")
    for statement in ("SELECT Text FROM notes", shadowed, "WITH 'x' AS notes SELECT 'theirs' IN notes"):
        assert "not among what readers may read" in _read(engine, statement)
    assert engine.stop() == 0
    with Spanhouse.start("engine", data_dir=engine.data_dir) as again:
        assert _read(again, "SELECT Text FROM notes") == "ours"
        assert _read(again, "SELECT * FROM notes_view") == "default\tours"
        assert "not among what readers may read" in _read(again, "SELECT * FROM secrets")
        assert again.sql_text("SELECT count() FROM notes") == "2"


@pytest.mark.slow
def test_an_admin_who_sets_a_log_comment_still_sees_everything(engine: Spanhouse) -> None:
    assert engine.sql_text("SELECT count() FROM otel_traces SETTINGS log_comment = 'nightly'") == "2"
    assert engine.sql_text(f"SELECT count() FROM otel_traces SETTINGS log_comment = '{tenant_mark('zed')}'") == "1"
