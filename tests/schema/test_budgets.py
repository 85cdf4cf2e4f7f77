"""Budgets: what was spent on a day, in which scope, of which limit, and when that was reached."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.derive.budgets import Budget, clear_limit, set_limit
from spanhouse_schema.derive.settling import settle
from tests.oracle.budgets import Key
from tests.reference import Row
from tests.schema.records import BEGAN_S, Event, send
from tests.support.corpus_spans import recorded, span
from tests.support.expected_budgets import Days, assert_budgeted, from_spans, stored
from tests.support.expected_executions import assert_equal
from tests.support.histories import History, histories, rounds
from tests.support.in_rounds import Cases, Outcomes, Steps, settled
from tests.support.insert_rows import insert

AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "bot"}
NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = NOON.date()
SECOND_NS, HOUR_NS = 10**9, 3600 * 10**9
_ATTRIBUTES = {
    "user": "user.id",
    "session": "session.id",
    "agent": "gen_ai.agent.name",
    "model": "gen_ai.request.model",
    "tokens": "gen_ai.usage.input_tokens",
}
_tenants = count()
CASES = Cases[list[Row], None]("budget")


@pytest.fixture(scope="module")
def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return CASES.play(database, settled(database, tmp_path_factory.mktemp("budgets")), assert_budgeted)


@pytest.fixture
def tenant() -> str:
    return f"budget-{next(_tenants)}"


def call(usd: str, at: datetime = NOON, **said: str) -> Row:
    """A call that cost so much, in a trace of its own."""
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.usage.cost": usd}
    attributes |= {_ATTRIBUTES[name]: value for name, value in said.items()}
    return span("c", attributes, Timestamp=_ns(at), TraceId=f"t{next(_tenants)}")


@pytest.mark.parametrize("name", recorded())
def test_the_days_of_every_recording_are_what_the_oracle_counts(
    database: Database, corpus: Mapping[str, list[Row]], name: str
) -> None:
    assert_equal(stored(database, name), from_spans(corpus[name], database.timezone))


@CASES.case
def test_a_call_after_midnight_is_spent_on_its_own_day_and_its_run_counts_on_the_day_before(
    database: Database, tenant: str
) -> Steps:
    rows = [
        span("a", AGENT, Timestamp=_ns(NOON)),
        _call_in("b", "a", "0.5", NOON),
        _call_in("c", "a", "1.5", NOON + HALF),
    ]
    yield rows
    days = stored(database, tenant)
    spent = {key.date: (row["used_usd"], row["invocations"]) for key, row in days.items() if key.scope == "agent"}
    assert spent == {DAY: (Decimal("0.5"), 1), DAY + timedelta(days=1): (Decimal("1.5"), 0)}


@CASES.case
def test_what_the_agents_of_a_tenant_spend_sums_up_to_what_it_spends(database: Database, tenant: str) -> Steps:
    rows = [
        span("a", AGENT, Timestamp=_ns(NOON)),
        span("b", AGENT | {"gen_ai.agent.name": "sub"}, "a", Timestamp=_ns(NOON)),
        _call_in("c", "a", "1", NOON),
        _call_in("d", "b", "0.25", NOON),
    ]
    yield rows
    days = stored(database, tenant)
    assert days[Key("agent", DAY, "bot")]["used_usd"] == 1
    assert days[Key("agent", DAY, "sub")]["used_usd"] == Decimal("0.25")
    assert days[Key("tenant", DAY, "")]["used_usd"] == Decimal("1.25")
    # One of them was invoked by the other.
    assert [days[key]["invocations"] for key in sorted(days)] == [1, 1, 1]


@CASES.case
def test_a_session_and_a_user_spend_what_their_runs_do(database: Database, tenant: str) -> Steps:
    _limit(database, Budget(tenant, "session", "s1"), NOON - HALF, "1")
    rows = [call("0.25", session="s1", user="u"), call("0.5", session="s1"), call("4", session="s2", user="u")]
    yield rows
    days = stored(database, tenant)
    row = days[Key("session", DAY, "s1")]
    assert (row["limit_usd"], row["used_usd"], row["remaining_usd"]) == (1, Decimal("0.75"), Decimal("0.25"))
    assert [row[f"over_{percent}_at"] is not None for percent in (50, 80, 100)] == [True, False, False]
    assert days[Key("session", DAY, "s2")]["limit_usd"] is None
    assert days[Key("user", DAY, "u")]["used_usd"] == Decimal("4.25")


def test_two_tenants_with_an_agent_of_one_name_have_a_budget_each(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    other = f"{tenant}-other"
    _limit(database, Budget(tenant, "agent", "bot"), NOON - HALF, "1")
    run = span("a", AGENT, Timestamp=_ns(NOON))
    insert(
        database, {tenant: [run, _call_in("b", "a", "1", NOON)], other: [run, _call_in("b", "a", "2", NOON)]}, tmp_path
    )
    settle(database, 30)
    key = Key("agent", DAY, "bot")
    assert [
        (stored(database, each)[key]["used_usd"], stored(database, each)[key]["limit_usd"]) for each in (tenant, other)
    ] == [
        (1, 1),
        (2, None),
    ]


@CASES.case
def test_what_has_no_price_is_unknown_and_not_nothing(database: Database, tenant: str) -> Steps:
    yield [call("", model="nobodys-model", tokens="1000")]
    days = stored(database, tenant)
    row = days[Key("tenant", DAY, "")]
    assert (row["used_usd"], row["remaining_usd"], row["unpriced_calls"]) == (None, None, 1)
    yield [call("2")]
    days = stored(database, tenant)
    row = days[Key("tenant", DAY, "")]
    assert (row["used_usd"], row["remaining_usd"], row["unpriced_calls"]) == (2, 3, 1)


@CASES.case
def test_each_threshold_has_the_second_at_which_it_was_reached(database: Database, tenant: str) -> Steps:
    at = [NOON + timedelta(minutes=minute) for minute in range(5)]
    rows = [call(usd, when) for usd, when in zip(("2", "0.5", "1.5", "1", "7"), at, strict=True)]
    yield rows
    days = stored(database, tenant)
    assert _reached(days) == [at[1], at[2], at[3]]
    # One that comes late was spent earlier.
    yield [call("1", at[0])]
    days = stored(database, tenant)
    assert _reached(days) == [at[0], at[2], at[2]]


@CASES.case
def test_a_limit_that_is_changed_in_mid_day_keeps_the_spend_and_what_was_reached(
    database: Database, tenant: str
) -> Steps:
    _limit(database, Budget(tenant), NOON - HALF, "2")
    _limit(database, Budget(tenant), NOON + HOUR, "10")
    yield [call("2", NOON), call("4", NOON + 2 * HOUR)]
    days = stored(database, tenant)
    row = days[Key("tenant", DAY, "")]
    assert (row["limit_usd"], row["used_usd"], row["remaining_usd"]) == (10, 6, 4)
    assert _reached(days) == [NOON, NOON, NOON], "once, by the limit that held then"


@CASES.case
def test_a_limit_that_is_lowered_is_reached_when_it_is_lowered(database: Database, tenant: str) -> Steps:
    _limit(database, Budget(tenant), NOON + HOUR, "2")
    yield [call("2", NOON)]
    days = stored(database, tenant)
    assert _reached(days) == [NOON + HOUR] * 3


@CASES.case
def test_a_day_keeps_the_limit_that_held_at_its_end(database: Database, tenant: str) -> Steps:
    for days_later, usd in ((-1, "3"), (1, None), (2, "7")):
        _limit(database, Budget(tenant), NOON + timedelta(days=days_later), usd)
    _limit(database, Budget(tenant), NOON + timedelta(days=3), None, is_cleared=True)
    yield [call("1", NOON + timedelta(days=number)) for number in range(-2, 4)]
    days = stored(database, tenant)
    limits = [days[Key("tenant", DAY + timedelta(days=number), "")]["limit_usd"] for number in range(-2, 4)]
    assert limits == [5, 3, 3, None, 7, 5], "5 USD before anybody has said something, and after it was taken back"


@CASES.case
def test_a_limit_that_is_set_holds_at_once(database: Database, tenant: str) -> Steps:
    now = datetime.now(UTC)
    yield [call("2", now, agent="bot"), call("1", now, user="u")]
    assert _verdicts(database, tenant) == {("tenant", "", "day"): (5, 3, 2, "allow")}
    for budget, usd in (
        (Budget(tenant), "3.5"),
        (Budget(tenant, "user", "u"), "1"),
        (Budget(tenant, period="week"), "3.1"),
    ):
        set_limit(database, budget, Decimal(usd))
    set_limit(database, Budget(tenant, "session", "s"), None)
    assert_budgeted(database, tenant)
    assert stored(database, tenant)[Key("tenant", now.date(), "")]["limit_usd"] == Decimal("3.5")
    verdicts = _verdicts(database, tenant)
    assert verdicts["tenant", "", "day"] == (Decimal("3.5"), 3, Decimal("0.5"), "warn")
    assert verdicts["user", "u", "day"] == (1, 1, 0, "stop")
    assert verdicts["tenant", "", "week"] == (Decimal("3.1"), 3, Decimal("0.1"), "warn")
    assert verdicts["session", "s", "day"] == (None, 0, None, "allow")
    for budget in (Budget(tenant), Budget(tenant, "user", "u"), Budget(tenant, period="week")):
        clear_limit(database, budget)
    assert_budgeted(database, tenant)
    assert _verdicts(database, tenant).keys() == {("tenant", "", "day"), ("session", "s", "day")}


@CASES.case
def test_a_user_may_be_called_anything(database: Database, tenant: str) -> Steps:
    name = "\\N '{tenant:String}' {scope}\t\n"
    set_limit(database, Budget(tenant, "user", name), Decimal(2))
    yield [call("2", datetime.now(UTC), user=name)]
    assert _verdicts(database, tenant)["user", name, "day"] == (2, 2, 0, "stop")
    assert_budgeted(database, tenant)


@CASES.case
def test_windows_roll_over(database: Database, tenant: str) -> Steps:
    today = datetime.now(UTC).date()
    for period in ("day", "week", "month"):
        set_limit(database, Budget(tenant, period=period), Decimal(1000))
    # A dollar a day, as far back as a week and a month may reach.
    days = [today - timedelta(days=back) for back in range(40)]
    yield [call("1", datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in days]
    used = {period: row[1] for (_, _, period), row in _verdicts(database, tenant).items()}
    assert used == {"day": 1, "week": today.weekday() + 1, "month": today.day}


@pytest.mark.parametrize(
    ("limit", "used", "unpriced", "verdict"),
    [
        ("5", "3.999999", 0, "allow"),
        ("5", "4", 0, "warn"),
        ("5", "4.999999", 0, "warn"),
        ("5", "5", 0, "stop"),
        ("5", "0", 1, "warn"),
        ("5", None, 1, "warn"),
        ("0", "0", 0, "stop"),
        (None, "1000", 7, "allow"),
    ],
)
def test_the_verdict(database: Database, limit: str | None, used: str | None, unpriced: int, verdict: str) -> None:
    amounts = [f"CAST({'NULL' if usd is None else repr(usd)}, 'Nullable(Decimal(38, 12))')" for usd in (limit, used)]
    assert database.rows(f"SELECT budget_verdict({', '.join(amounts)}, {unpriced})") == [(verdict,)]


def test_the_row_of_today_is_there_before_anything_was_spent(database: Database, tenant: str) -> None:
    set_limit(database, Budget(tenant), Decimal("2.5"))
    found = database.rows(
        "SELECT date, limit_usd, used_usd, remaining_usd, invocations, cycles_started, cycles_completed, verdict "
        f"FROM spanhouse.agent_budget WHERE tenant_id = '{tenant}'"
    )
    half = Decimal("2.5")
    assert found == [(datetime.now(UTC).date(), half, 0, half, 0, 0, 0, "allow")]


def test_cycles_count_on_the_day_on_which_they_begin_and_on_which_they_are_completed(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    first = datetime.fromtimestamp(BEGAN_S, UTC).date()
    one = {"session.id": "one", "gen_ai.agent.name": "quant"}
    designing = Event("spanhouse.session.phase", 0, {**one, "spanhouse.session.phase": "designing"})
    completed = Event("spanhouse.session.completed", 86_400, {**one, "spanhouse.session.outcome": "success"})
    send(database, tenant, [designing, completed, designing, completed], tmp_path)
    assert _cycles(database, tenant) == {first: (1, 0), first + timedelta(days=1): (0, 1)}
    # It turns out to have begun, and to have been known to succeed, earlier.
    early = Event("spanhouse.session.phase", -86_400, {**one, "spanhouse.session.phase": "idle"})
    known = Event("spanhouse.session.phase", 10, {**one, "spanhouse.session.outcome": "success"}, id="00000000000000ff")
    send(database, tenant, [known, early], tmp_path)
    assert _cycles(database, tenant) == {first - timedelta(days=1): (1, 0), first + timedelta(days=1): (0, 1)}
    assert stored(database, tenant)[Key("agent", first - timedelta(days=1), "quant")]["cycles_started"] == 1
    assert_budgeted(database, tenant)


_SPANS = st.builds(
    lambda span_id, trace, kind, said, hours, parent: span(
        span_id, kind | {name: value for name, value in said.items() if value}, parent, TraceId=trace,
        Timestamp=_ns(NOON) + hours * HOUR_NS,
    ),
    st.sampled_from("abc"),
    st.sampled_from(["t1", "t2", "t3"]),
    st.sampled_from([AGENT, {"gen_ai.operation.name": "chat"}, {"gen_ai.operation.name": "chat"}]),
    st.fixed_dictionaries({
        "gen_ai.agent.name": st.sampled_from(["", "bot", "sub"]),
        "user.id": st.sampled_from(["", "u1", "u2"]),
        "session.id": st.sampled_from(["", "s1"]),
        "gen_ai.usage.cost": st.sampled_from(["", "0.5", "1.5", "3"]),
        "gen_ai.usage.input_tokens": st.sampled_from(["", "70"]),
        "gen_ai.request.model": st.sampled_from(["", "gpt-4o", "nobodys"]),
        "spanhouse.session.phase": st.sampled_from(["", "", "", "training"]),
        "spanhouse.session.outcome": st.sampled_from(["", "", "", "", "success"]),
    }),
    st.sampled_from([0, 11, 12, 36]),
    st.sampled_from(["", "a", "b"]),
)  # fmt: skip
_LIMITS = st.tuples(
    st.sampled_from([("tenant", ""), ("agent", "bot"), ("user", "u1"), ("session", "s1")]),
    st.sampled_from([-24, 0, 11, 24]),
    st.sampled_from(["1", "2", None]),
    st.booleans(),
)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(
    # Tenants side by side: a settling costs the same for all of them.
    histories=st.lists(histories(_SPANS), min_size=8, max_size=8),
    limits=st.lists(
        st.lists(_LIMITS, max_size=4, unique_by=lambda limit: (limit[0], limit[1])), min_size=8, max_size=8
    ),
)
def test_budgets_follow_whatever_comes_in_any_order_and_however_often(
    database: Database, tmp_path: Path, histories: list[History], limits: list[list[Any]]
) -> None:
    ones, others = ([f"budget-{next(_tenants)}" for _ in histories] for _ in range(2))
    for tenants in (ones, others):
        for tenant, said in zip(tenants, limits, strict=True):
            for (scope, scope_id), hours, usd, is_cleared in said:
                at = NOON + timedelta(hours=hours)
                _limit(database, Budget(tenant, scope, scope_id), at, usd, is_cleared=is_cleared)
    for requests in rounds(ones, (history.requests for history in histories)):
        insert(database, requests, tmp_path)
        settle(database, 30)
        for tenant in requests:
            assert_budgeted(database, tenant)
    for requests in rounds(others, (history.again for history in histories)):
        insert(database, requests, tmp_path)
    settle(database, 30)
    for one, other in zip(ones, others, strict=True):
        assert_equal(stored(database, other), stored(database, one))


HOUR, HALF = timedelta(hours=1), timedelta(hours=12)


def _call_in(span_id: str, parent: str, usd: str, at: datetime) -> Row:
    said = {"gen_ai.operation.name": "chat", "gen_ai.usage.cost": usd}
    return span(span_id, said, parent, Timestamp=_ns(at))


def _counted(database: Database, tenant: str, directory: Path, rows: list[Row]) -> Days:
    """The days of a tenant's budgets once these spans have come too, as both count them."""
    insert(database, {tenant: rows}, directory)
    settle(database, 30)
    assert_budgeted(database, tenant)
    return stored(database, tenant)


def _limit(database: Database, budget: Budget, at: datetime, usd: str | None, *, is_cleared: bool = False) -> None:
    """As if somebody had said so then."""
    limit = "NULL" if usd is None else f"'{usd}'"
    database.command(
        f"INSERT INTO spanhouse.budget_limits VALUES ('{budget.tenant}', '{budget.scope}', '{budget.scope_id}', 'day', "
        f"fromUnixTimestamp64Nano({_ns(at)}), {limit}, {is_cleared})"
    )


def _verdicts(database: Database, tenant: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    rows = database.rows(
        "SELECT scope, scope_id, period, limit_usd, used_usd, remaining_usd, verdict "
        f"FROM spanhouse.budget_verdicts WHERE tenant_id = '{tenant}'"
    )
    return {row[:3]: row[3:] for row in rows}


def _reached(days: Days) -> list[datetime | None]:
    row = days[Key("tenant", DAY, "")]
    seconds = [row[f"over_{percent}_at"] for percent in (50, 80, 100)]
    return [None if second is None else datetime.fromtimestamp(second, UTC) for second in seconds]


def _cycles(database: Database, tenant: str) -> dict[date, tuple[int, int]]:
    days = stored(database, tenant)
    return {
        key.date: (row["cycles_started"], row["cycles_completed"])
        for key, row in days.items()
        if key.scope == "tenant" and (row["cycles_started"] or row["cycles_completed"])
    }


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * SECOND_NS
