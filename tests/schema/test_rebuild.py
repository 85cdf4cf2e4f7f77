"""What was tampered with is found by the audit, and the rebuild makes it what comes of the raw rows.

The tests share a database, and so the audits of everything: each has tenants of its own.
"""

from collections.abc import Callable, Generator, Mapping
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import NamedTuple

import pytest

from spanhouse_schema import Database
from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.derive import prices
from spanhouse_schema.derive.prices import USER, Pair, Price
from spanhouse_schema.derive.settling import settle
from spanhouse_schema.errors import RawRowsGone
from spanhouse_schema.proof.audit import Report, Selection, audit
from spanhouse_schema.proof.rebuild import Outcome, rebuild
from tests.reference import Row
from tests.schema.tampering import (
    AGENT,
    CALL,
    TABLES,
    TRACE,
    WAYS,
    Tampered,
    audited,
    examples,
    new_tenants,
    plant,
    tamper,
    tampered_with,
)
from tests.support.corpus_spans import span
from tests.support.in_rounds import Cases, Outcomes
from tests.support.insert_rows import insert
from tests.support.watched_sessions import is_write, watch

_DAY = "2026-09-21"
Steps = Generator[list[Row], Report]
# Each is a planted tenant, of whom more spans may come; after these, everything is audited.
CASES = Cases[list[Row], Report]("rebuilt")


class Tampering(NamedTuple):
    """A rebuild of everything, and what an audit says before and after it."""

    # By the table that was tampered with, and by the way.
    tenants: Mapping[tuple[str, str], str]
    untouched: str
    # Whose spans were read otherwise once, and how many calls were settled of them.
    outdated: str
    calls: int
    before: Report
    outcome: Outcome
    after: Report


@pytest.fixture(scope="module")
def tampering(alone: Database, tmp_path_factory: pytest.TempPathFactory) -> Tampering:
    """All that can be done to rows, and one rebuild that makes all of it right."""
    directory = tmp_path_factory.mktemp("tampered")
    untouched, outdated = plant(alone, directory, new_tenants(2))
    _read_otherwise(alone, outdated)
    settle(alone)
    calls = _calls(alone, outdated)
    done = tampered_with(alone, directory)
    before = audited(alone)
    outcome = rebuild(alone)
    tenants = {(each.table.table, each.how): each.tenant for each in done}
    return Tampering(tenants, untouched, outdated, calls, before, outcome, audited(alone))


@pytest.fixture(scope="module")
def outcomes(alone: Database, tampering: Tampering, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """They come after that rebuild, which would make them right too."""
    directory = tmp_path_factory.mktemp("rebuilt")

    def go(spans: Mapping[str, list[Row]]) -> Report:
        if any(spans.values()):
            insert(alone, spans, directory)
            settle(alone, 60)
        return audited(alone)

    plant(alone, directory, CASES.tenants())
    return CASES.play(alone, go)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("table", TABLES, ids=lambda each: each.table)
def test_a_row_that_was_tampered_with_is_found(tampering: Tampering, table: Tampered, how: str) -> None:
    found = examples(tampering.before, tampering.tenants[table.table, how])[table.table]
    wanted = {WAYS[0]: "different", WAYS[1]: "missing", WAYS[2]: "not right"}[how]
    if table.table != "agent_executions_by_agent":
        assert {each.what for each in found} == {wanted}, found
    if how == WAYS[0]:
        assert any(table.column in each.columns for each in found), found


def test_nothing_is_found_of_anybody_else(tampering: Tampering) -> None:
    assert examples(tampering.before, tampering.untouched) == {}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("table", TABLES, ids=lambda each: each.table)
def test_a_row_that_was_tampered_with_is_made_right(tampering: Tampering, table: Tampered, how: str) -> None:
    assert examples(tampering.after, tampering.tenants[table.table, how]) == {}


def test_spans_that_a_former_version_read_otherwise_are_read_again(alone: Database, tampering: Tampering) -> None:
    """As an upgrade of the conventions leaves them: what is there keeps its old reading."""
    tenant = tampering.outdated
    assert tampering.calls == 0
    assert len(examples(tampering.before, tenant)["agent_spans"]) == 2
    (different,) = (each.different for each in tampering.before.found if each.table == "agent_spans")
    assert tampering.outcome.read_again >= different
    assert _calls(alone, tenant) == 1
    assert alone.rows(f"SELECT count() FROM spanhouse.agent_spans WHERE TenantId = '{tenant}'") == [(2,)]
    assert examples(tampering.after, tenant) == {}


@CASES.each({"a trace": [{"trace": TRACE}], "a day": [{"day": _DAY}], "all": [{}]})
def test_a_price_that_was_changed_prices_anew_what_was_settled(
    database: Database, tenant: str, scope: dict[str, str]
) -> Steps:
    before = _cost(database, tenant)
    _price(database, tenant, "gpt-4o", 5)
    assert examples((yield []), tenant) != {}
    outcome = rebuild(database, Selection(tenant=tenant, **scope))
    assert (outcome.changed, outcome.usd_before, outcome.usd_after) == (1, before, Decimal("0.005"))
    assert outcome.usd_moved == Decimal("0.005") - before
    assert _cost(database, tenant) == Decimal("0.005")
    report = yield []
    if "trace" not in scope:
        assert examples(report, tenant) == {}
    assert audit(database, Selection(tenant=tenant, **scope)).is_clean
    assert rebuild(database, Selection(tenant=tenant, **scope)).changed == 0


@CASES.case
def test_a_call_that_had_no_price_has_got_one(database: Database, tenant: str) -> Steps:
    yield [span("n", CALL | {"gen_ai.request.model": "ours"}, "a")]
    _price(database, tenant, "ours", 1)
    assert rebuild(database, Selection(tenant=tenant)).priced == 1
    assert examples((yield []), tenant) == {}


@CASES.case
def test_spans_whose_reading_was_lost_are_read_again_by_trace(database: Database, tenant: str) -> Steps:
    database.command(f"DELETE FROM spanhouse.agent_spans WHERE TenantId = '{tenant}'")
    rebuild(database, Selection(tenant=tenant, trace=TRACE))
    assert examples((yield []), tenant) == {}


@CASES.case
def test_what_is_right_is_not_written_again(database: Database, tenant: str) -> Steps:
    yield []
    newest = f"SELECT max(Version) FROM spanhouse.agent_executions WHERE TenantId = '{tenant}'"
    before = database.rows(newest)
    assert rebuild(database, Selection(tenant=tenant)) == Outcome(traces=1)
    assert database.rows(newest) == before


@CASES.each({"a trace": [{"trace": TRACE}, 1], "all": [{}, 2]})
def test_traces_that_tell_of_the_same_response_are_settled_once_each(
    database: Database, tenant: str, scope: dict[str, str], traces: int
) -> Steps:
    other = {"TraceId": "other"}
    yield [span("e", AGENT, **other), span("f", CALL, "e", ScopeName="another", **other)]
    _spoil(database, tenant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spanhouse_schema.derive.stretch.MOST_SPANS", 1)
        outcome = rebuild(database, Selection(tenant=tenant, **scope))
    assert (outcome.traces, outcome.changed) == (traces, 2)
    assert examples((yield []), tenant) == {}


@CASES.case
def test_one_that_was_broken_off_goes_on_where_it_was(database: Database, tenant: str) -> Steps:
    yield [span(name, AGENT, TraceId=f"trace-{name}") for name in "cdef"]
    _spoil(database, tenant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spanhouse_schema.derive.stretch.MOST_SPANS", 1)
        # Of the third stretch everything is written, but not that it is, nor of those after it that were begun: they
        # are looked at again, and nothing differs.
        assert _dies(database, _IN_BETWEEN, 2, tenant)
        outcome = rebuild(database, Selection(tenant=tenant))
    assert outcome.resumed
    assert outcome.traces == 5
    assert 2 <= outcome.changed <= 4
    assert examples((yield []), tenant) == {}
    assert not rebuild(database, Selection(tenant=tenant)).resumed


@CASES.each(
    {
        "only comments": [lambda sql: f"-- It's a comment\n\n{sql}", True],
        "a statement": [lambda sql: sql.replace("'chain'", "'Chain'", 1), False],
    }
)
def test_one_that_was_broken_off_goes_on_unless_more_than_comments_in_sql_have_changed(
    database: Database, tenant: str, changed: Callable[[str], str], resumed: bool
) -> Steps:
    yield []
    _spoil(database, tenant)
    read = sql_files.read
    assert _dies(database, _IN_BETWEEN, 1, tenant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql_files, "read", lambda name: changed(read(name)))
        assert rebuild(database, Selection(tenant=tenant)).resumed == resumed


@pytest.mark.slow
@pytest.mark.parametrize("step", [13, pytest.param(4, marks=pytest.mark.soak)])
def test_one_that_dies_between_its_statements_is_made_good_by_the_next(
    alone: Database, tmp_path: Path, step: int
) -> None:
    def spoiled(tenant: str) -> str:
        _spoil(alone, tenant)
        for table in (
            "agent_spans",
            "execution_events",
            "record_statements",
            "agent_executions_by_agent",
            "daily_ledger",
            "spend_sums",
        ):
            tamper(alone, tenant, WAYS[2], next(each for each in TABLES if each.table == table))
        return tenant

    first, *others = plant(alone, tmp_path, new_tenants(len(range(0, 100, step))))
    assert _dies(alone, _ANY, 0, spoiled(first))
    # What it has not begun, the next one does as a whole.
    writes = _writes(alone, _ANY, inf, first)
    assert 15 < writes <= 100
    broken_off = {0: first}
    # Not before each of them: that would take minutes.
    for deaths, tenant in zip(range(step, writes, step), others, strict=False):
        assert _dies(alone, _ANY, deaths, spoiled(tenant))
        rebuild(alone, Selection(tenant=tenant))
        broken_off[deaths] = tenant
    report = audited(alone)
    assert {deaths for deaths, tenant in broken_off.items() if examples(report, tenant)} == set()


@CASES.case
def test_a_day_and_a_trace_whose_raw_rows_may_have_gone_are_refused(database: Database, tenant: str) -> Steps:
    yield []
    _age(database, tenant)
    for scope in (Selection(tenant=tenant, day=_DAY), Selection(tenant=tenant, trace=TRACE)):
        for command in (audit, rebuild):
            with pytest.raises(RawRowsGone, match="raw rows are whole since"):
                command(database, scope)


@CASES.case
def test_traces_whose_raw_rows_may_have_gone_are_left_as_they_are(database: Database, tenant: str) -> Steps:
    yield []
    _age(database, tenant)
    for table in ("otel_traces", "otel_logs", "agent_spans", "execution_events", "response_ids"):
        database.command(f"DELETE FROM spanhouse.{table} WHERE TenantId = '{tenant}'")
    before = _cost(database, tenant)
    assert rebuild(database, Selection(tenant=tenant)).left_out == 1
    report = audit(database, Selection(tenant=tenant))
    assert (report.left_out, _cost(database, tenant)) == (1, before)
    assert {each.table for each in report.found if each.different} <= {"record_statements"}


def _price(database: Database, tenant: str, model: str, usd: int) -> None:
    pair = Pair(tenant.encode(), b"openai", model.encode())
    of_buckets = (Decimal(usd),) * len(prices.BUCKETS)
    price = Price(usd=(*of_buckets, *Price().usd[len(of_buckets) :]), origin="user")
    database.command(prices.insertion([prices.Row(pair, USER, price)], 1))


def _read_otherwise(database: Database, tenant: str) -> None:
    database.command(
        "ALTER TABLE spanhouse.agent_spans UPDATE Kind = 'other', AgentName = '', ResponseId = '' "
        f"WHERE TenantId = '{tenant}'",
        settings={"mutations_sync": 2},
    )
    database.command(f"DELETE FROM spanhouse.response_ids WHERE TenantId = '{tenant}'")


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


# What a rebuild writes of itself between two stretches, and whatever it writes.
_IN_BETWEEN, _ANY = "INSERT INTO spanhouse.rebuild_progress", "spanhouse."


def _dies(database: Database, kind: str, writes: int, tenant: str) -> bool:
    """Rebuild until so many statements of a kind have written, and say whether there was another one."""
    try:
        _writes(database, kind, writes, tenant)
    except Died:
        return True
    return False


def _writes(database: Database, kind: str, most: float, tenant: str) -> int:
    """Rebuild, and return how many statements of a kind have written; die of more than `most`."""
    written = 0

    def count(statement: str) -> None:
        nonlocal written
        if is_write(statement) and kind in statement:
            if written == most:
                raise Died
            written += 1

    with pytest.MonkeyPatch.context() as patch:
        watch(patch, database, count)
        rebuild(database, Selection(tenant=tenant))
    return written


def _cost(database: Database, tenant: str) -> Decimal:
    ((cost,),) = database.rows(f"SELECT sum(CostUSD) FROM spanhouse.agent_executions FINAL WHERE TenantId = '{tenant}'")
    assert isinstance(cost, Decimal)
    return cost


def _calls(database: Database, tenant: str) -> int:
    ((calls,),) = database.rows(f"SELECT count() FROM spanhouse.agent_calls FINAL WHERE TenantId = '{tenant}'")
    return int(calls)
