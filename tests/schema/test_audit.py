"""The audit: clean where everything is as it was derived, and not clean where one number is another one."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from spanhouse_schema.proof.audit import Report, Selection, audit
from spanhouse_schema.proof.diff import Shape
from tests.reference import Row
from tests.schema.tampering import (
    AGENT,
    CALL,
    SPANS,
    TABLES,
    TRACE,
    WAYS,
    Tampered,
    planted,
    tamper,
)
from tests.support.corpus_spans import span
from tests.support.insert_rows import insert

# Of these columns nothing is derived: when and from which rows something was written.
_SAID_BY_NOBODY = {"Version", "IsDeleted", "Fingerprint", "TouchedAt", "EntryId"}


def test_the_recordings_are_as_they_were_derived(database: Database, corpus: Mapping[str, list[Row]]) -> None:
    for tenant in ("agno-oi-plus-openai", "langchain-openinference-split", "adk"):
        report = audit(database, Selection(tenant=tenant))
        assert report.is_clean, report
        assert _rows(report)["agent_executions"] > 0


def test_a_tenant_is_clean_of_whom_something_stands_in_every_table(database: Database, tmp_path: Path) -> None:
    report = audit(database, Selection(tenant=planted(database, tmp_path)))
    assert report.is_clean, report
    assert _rows(report).keys() == {table.table for table in TABLES}
    assert min(_rows(report).values()) > 0, _rows(report)


@pytest.mark.parametrize("table", TABLES, ids=lambda each: each.table)
def test_no_column_escapes_the_comparison(database: Database, table: Tampered) -> None:
    stored = database.rows(
        "SELECT name FROM system.columns WHERE database = 'spanhouse' AND table = {table:String} "
        "AND default_kind != 'ALIAS'",
        parameters={"table": table.table},
    )
    with database.session() as session:
        compared = Shape.of(session, table.table).columns
    assert {name for (name,) in stored} - set(compared) <= _SAID_BY_NOBODY


def test_a_trace_and_a_day_are_looked_at_by_themselves(database: Database, tmp_path: Path) -> None:
    tenant = planted(database, tmp_path)
    elsewhere = span("c", AGENT, TraceId="other", Timestamp=SPANS[0]["Timestamp"] + 86_400 * 10**9)
    insert(database, {tenant: [elsewhere]}, tmp_path)
    settle(database, 60)
    database.command(
        "INSERT INTO spanhouse.agent_executions SELECT * REPLACE (7 AS ToolCalls, Version + 1 AS Version) "
        f"FROM spanhouse.agent_executions FINAL WHERE TenantId = '{tenant}' AND TraceId = 'other'"
    )
    assert audit(database, Selection(tenant=tenant, trace=TRACE)).is_clean
    assert audit(database, Selection(tenant=tenant, day="2026-09-21")).is_clean
    assert not audit(database, Selection(tenant=tenant, trace="other")).is_clean
    assert not audit(database, Selection(tenant=tenant, day="2026-09-22")).is_clean


def test_a_span_that_was_never_read_is_missed(database: Database, tmp_path: Path) -> None:
    tenant = planted(database, tmp_path)
    for table in ("agent_spans", "agent_executions", "agent_executions_by_agent", "agent_calls", "daily_ledger"):
        database.command(f"DELETE FROM spanhouse.{table} WHERE TenantId = '{tenant}'")
    assert _different(audit(database, Selection(tenant=tenant, trace=TRACE)))["agent_spans"] == 2
    assert _different(audit(database, Selection(tenant=tenant)))["agent_spans"] == 2


def test_spans_that_are_not_settled_are_differences_where_nobody_settles(database: Database, tmp_path: Path) -> None:
    tenant = planted(database, tmp_path)
    insert(database, {tenant: [span("d", CALL | {"gen_ai.response.id": "r-2"}, "a")]}, tmp_path)
    assert {"agent_calls", "agent_executions"} <= _different(audit(database, Selection(tenant=tenant))).keys()
    settle(database, 60)
    assert audit(database, Selection(tenant=tenant)).is_clean


def test_nothing_is_written(database: Database, tmp_path: Path) -> None:
    tenant = planted(database, tmp_path)
    parts = (
        "SELECT table, sum(rows) FROM system.parts WHERE database = 'spanhouse' AND active GROUP BY ALL ORDER BY ALL"
    )
    tamper(database, tenant, WAYS[0], TABLES[5])
    database.command("SYSTEM STOP MERGES")
    before = database.rows(parts)
    audit(database, Selection(tenant=tenant))
    assert database.rows(parts) == before
    database.command("SYSTEM START MERGES")


def _rows(report: Report) -> dict[str, int]:
    return {each.table: each.rows for each in report.found}


def _different(report: Report) -> dict[str, int]:
    return {each.table: each.different for each in report.found if each.different}
