"""The rebuild: whatever stands there, afterwards it is what comes of the raw rows."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spanhouse_schema import Database
from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import prices
from spanhouse_schema.derive.prices import USER, Pair, Price, Row
from spanhouse_schema.derive.settling import settle
from spanhouse_schema.errors import RawRowsGone
from spanhouse_schema.proof.audit import Selection, audit
from spanhouse_schema.proof.rebuild import Outcome, rebuild
from tests.schema.tampering import (
    AGENT,
    CALL,
    TABLES,
    TRACE,
    WAYS,
    Tampered,
    audited,
    examples,
    plant,
    planted,
    tamper,
    tampered_with,
)
from tests.support.corpus_spans import span
from tests.support.insert_rows import insert

_DAY = "2026-09-21"
Mended = Mapping[tuple[str, str], tuple[set[str], set[str]]]


@pytest.fixture(scope="module")
def mended(alone: Database, tmp_path_factory: pytest.TempPathFactory) -> Mended:
    """For each table and way, which tables are not right of the tenant who was tampered with there and so.

    Before a rebuild of everything, and after it.
    """
    done = tampered_with(alone, tmp_path_factory.mktemp("tampered"))
    before = audited(alone)
    rebuild(alone)
    after = audited(alone)
    return {
        (each.table.table, each.how): (set(examples(before, each.tenant)), set(examples(after, each.tenant)))
        for each in done
    }


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("table", TABLES, ids=lambda each: each.table)
def test_a_row_that_was_tampered_with_is_made_right(mended: Mended, table: Tampered, how: str) -> None:
    before, after = mended[table.table, how]
    assert table.table in before
    assert after == set()


@pytest.mark.parametrize("scope", [{"trace": TRACE}, {"day": _DAY}, {}], ids=["a trace", "a day", "all"])
def test_a_price_that_was_changed_prices_anew_what_was_settled(
    database: Database, tmp_path: Path, scope: dict[str, str]
) -> None:
    tenant = planted(database, tmp_path)
    before = _cost(database, tenant)
    price = Price(usd=(Decimal(5),) * 5, origin="user")
    row = Row(Pair(tenant.encode(), b"openai", b"gpt-4o"), USER, price)
    database.command(prices.insertion([row], 1))
    assert not audit(database, Selection(tenant=tenant)).is_clean
    outcome = rebuild(database, Selection(tenant=tenant, **scope))
    assert (outcome.changed, outcome.usd_before, outcome.usd_after) == (1, before, Decimal("0.005"))
    assert outcome.usd_moved == Decimal("0.005") - before
    assert _cost(database, tenant) == Decimal("0.005")
    if "trace" not in scope:
        assert audit(database, Selection(tenant=tenant)).is_clean
    assert audit(database, Selection(tenant=tenant, **scope)).is_clean
    assert rebuild(database, Selection(tenant=tenant, **scope)).changed == 0


def test_a_call_that_had_no_price_has_got_one(database: Database, tmp_path: Path) -> None:
    tenant = planted(database, tmp_path)
    insert(database, {tenant: [span("n", CALL | {"gen_ai.request.model": "ours"}, "a")]}, tmp_path)
    settle(database, 60)
    row = Row(Pair(tenant.encode(), b"openai", b"ours"), USER, Price(usd=(Decimal(1),) * 5, origin="user"))
    database.command(prices.insertion([row], 1))
    assert rebuild(database, Selection(tenant=tenant)).priced == 1
    assert audit(database, Selection(tenant=tenant)).is_clean


def test_spans_that_a_former_version_read_otherwise_are_read_again(database: Database, tmp_path: Path) -> None:
    """As an upgrade of the conventions leaves them: what is there keeps its old reading."""
    tenant = planted(database, tmp_path)
    database.command(
        "ALTER TABLE spanhouse.agent_spans UPDATE Kind = 'other', AgentName = '', ResponseId = '' "
        f"WHERE TenantId = '{tenant}'",
        settings={"mutations_sync": 2},
    )
    database.command(f"DELETE FROM spanhouse.response_ids WHERE TenantId = '{tenant}'")
    settle(database)
    assert _calls(database, tenant) == 0
    outcome = rebuild(database, Selection(tenant=tenant))
    assert outcome.read_again >= 2
    assert _calls(database, tenant) == 1
    assert database.rows(f"SELECT count() FROM spanhouse.agent_spans WHERE TenantId = '{tenant}'") == [(2,)]
    assert audit(database, Selection(tenant=tenant)).is_clean


def test_spans_whose_reading_was_lost_are_read_again_by_trace(database: Database, tmp_path: Path) -> None:
    tenant = planted(database, tmp_path)
    database.command(f"DELETE FROM spanhouse.agent_spans WHERE TenantId = '{tenant}'")
    rebuild(database, Selection(tenant=tenant, trace=TRACE))
    assert audit(database, Selection(tenant=tenant)).is_clean


def test_what_is_right_is_not_written_again(database: Database, tmp_path: Path) -> None:
    tenant = planted(database, tmp_path)
    newest = f"SELECT max(Version) FROM spanhouse.agent_executions WHERE TenantId = '{tenant}'"
    before = database.rows(newest)
    assert rebuild(database, Selection(tenant=tenant)) == Outcome(traces=1)
    assert database.rows(newest) == before


def test_one_that_was_broken_off_goes_on_where_it_was(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = planted(database, tmp_path)
    traces = [span(name, AGENT, TraceId=f"trace-{name}") for name in "cdef"]
    insert(database, {tenant: traces}, tmp_path)
    settle(database, 60)
    _spoil(database, tenant)
    monkeypatch.setattr("spanhouse_schema.derive.settling._MOST_SPANS", 1)
    # Of the third stretch everything is written, but not that it is: it is looked at again, and nothing differs in it.
    assert _dies(database, monkeypatch, "INSERT INTO spanhouse.rebuild_progress", 2, tenant)
    outcome = rebuild(database, Selection(tenant=tenant))
    assert outcome.resumed
    assert (outcome.traces, outcome.changed) == (5, 4)
    assert audit(database, Selection(tenant=tenant)).is_clean
    assert not rebuild(database, Selection(tenant=tenant)).resumed


def test_one_that_was_broken_off_goes_on_when_only_comments_in_sql_have_changed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = planted(database, tmp_path)
    _spoil(database, tenant)
    read = sql_files.read
    assert _dies(database, monkeypatch, "INSERT INTO spanhouse.rebuild_progress", 1, tenant)
    monkeypatch.setattr(sql_files, "read", lambda name: f"-- It's a comment\n\n{read(name)}")
    assert rebuild(database, Selection(tenant=tenant)).resumed


def test_one_that_was_broken_off_begins_anew_when_a_statement_has_changed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = planted(database, tmp_path)
    _spoil(database, tenant)
    read = sql_files.read
    assert _dies(database, monkeypatch, "INSERT INTO spanhouse.rebuild_progress", 1, tenant)
    monkeypatch.setattr(sql_files, "read", lambda name: read(name).replace("'chain'", "'Chain'", 1))
    assert not rebuild(database, Selection(tenant=tenant)).resumed


@pytest.mark.slow
@pytest.mark.parametrize("step", [13, pytest.param(4, marks=pytest.mark.soak)])
def test_one_that_dies_between_its_statements_is_made_good_by_the_next(
    alone: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    # Not before each of them: that would take minutes.
    deaths = list(range(0, 100, step))
    broken_off = {}
    for writes, tenant in zip(deaths, plant(alone, tmp_path, len(deaths)), strict=True):
        _spoil(alone, tenant)
        for table in (
            "agent_spans",
            "execution_events",
            "record_statements",
            "agent_executions_by_agent",
            "agent_spend",
        ):
            tamper(alone, tenant, WAYS[2], next(each for each in TABLES if each.table == table))
        died = _dies(alone, monkeypatch, "spanhouse.", writes, tenant)
        broken_off[writes] = tenant
        rebuild(alone, Selection(tenant=tenant))
        if not died:
            break
    assert not died, "one that writes as often as it should has died in between"
    assert writes > 15
    report = audited(alone)
    assert {writes for writes, tenant in broken_off.items() if examples(report, tenant)} == set()


def test_a_day_and_a_trace_whose_raw_rows_may_have_gone_are_refused(database: Database, tmp_path: Path) -> None:
    tenant = planted(database, tmp_path)
    _age(database, tenant)
    for scope in (Selection(tenant=tenant, day=_DAY), Selection(tenant=tenant, trace=TRACE)):
        for command in (audit, rebuild):
            with pytest.raises(RawRowsGone, match="raw rows are whole since"):
                command(database, scope)


def test_traces_whose_raw_rows_may_have_gone_are_left_as_they_are(database: Database, tmp_path: Path) -> None:
    tenant = planted(database, tmp_path)
    _age(database, tenant)
    for table in ("otel_traces", "otel_logs", "agent_spans", "execution_events", "response_ids"):
        database.command(f"DELETE FROM spanhouse.{table} WHERE TenantId = '{tenant}'")
    before = _cost(database, tenant)
    assert rebuild(database, Selection(tenant=tenant)).left_out == 1
    report = audit(database, Selection(tenant=tenant))
    assert (report.left_out, _cost(database, tenant)) == (1, before)
    assert {each.table for each in report.found if each.different} <= {"record_statements"}


def _age(database: Database, tenant: str) -> None:
    """Make everything of a tenant have come long before any raw row that is there."""
    _rewrite(database, tenant, "toDateTime64('2020-01-01', 3) AS CameAt")
    database.command(
        "ALTER TABLE spanhouse.record_statements UPDATE IngestedAt = toDateTime64('2020-01-01', 3) "
        f"WHERE TenantId = '{tenant}'",
        settings={"mutations_sync": 2},
    )


def _spoil(database: Database, tenant: str) -> None:
    """Give every execution a tool call too many."""
    _rewrite(database, tenant, "ToolCalls + 1 AS ToolCalls")


def _rewrite(database: Database, tenant: str, change: str) -> None:
    for table in ("agent_executions", "agent_executions_by_agent"):
        database.command(
            f"INSERT INTO spanhouse.{table} SELECT * REPLACE ({change}, Version + 1 AS Version) "
            f"FROM spanhouse.{table} FINAL WHERE TenantId = '{tenant}'"
        )


class Died(Exception):
    """The process is gone."""


class _Mortal:
    """A session that runs so many statements of a kind, and dies instead of one more."""

    def __init__(self, session: Session, kind: str, statements: int) -> None:
        self._session = session
        self._kind = kind
        self._left = statements

    def command(self, sql: str, parameters: Mapping[str, str] | None = None) -> None:
        if self._kind in sql and ("INSERT INTO spanhouse." in sql or "DELETE FROM spanhouse." in sql):
            if self._left == 0:
                raise Died
            self._left -= 1
        self._session.command(sql, parameters)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[list[Any]]:
        return self._session.rows(sql, parameters)


def _dies(database: Database, monkeypatch: pytest.MonkeyPatch, kind: str, statements: int, tenant: str) -> bool:
    """Rebuild until so many statements of a kind have run, and say whether there was another one."""
    real = database.session

    @contextmanager
    def session() -> Generator[Session]:
        with real() as opened:
            yield _Mortal(opened, kind, statements)

    with monkeypatch.context() as patch:
        patch.setattr(database, "session", session)
        try:
            rebuild(database, Selection(tenant=tenant))
        except Died:
            return True
    return False


def _cost(database: Database, tenant: str) -> Decimal:
    ((cost,),) = database.rows(f"SELECT sum(CostUSD) FROM spanhouse.agent_executions FINAL WHERE TenantId = '{tenant}'")
    assert isinstance(cost, Decimal)
    return cost


def _calls(database: Database, tenant: str) -> int:
    ((calls,),) = database.rows(f"SELECT count() FROM spanhouse.agent_calls FINAL WHERE TenantId = '{tenant}'")
    return int(calls)
