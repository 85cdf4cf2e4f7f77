"""Where a day begins: at midnight in the installation's time zone, on days of 23 and of 25 hours too."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import installation
from spanhouse_schema.derive.budgets import Budget, set_limit
from spanhouse_schema.derive.settling import settle
from spanhouse_schema.proof.audit import Selection, audit
from spanhouse_schema.proof.rebuild import rebuild
from spanhouse_schema.settings import InstallationSettings
from tests.support.corpus_spans import span
from tests.support.expected_budgets import assert_budgeted
from tests.support.expected_performance import assert_counted, stored
from tests.support.insert_rows import insert
from tests.support.process import Spanhouse
from tests.support.stores import dsn

AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "bot"}
CALL = {"gen_ai.operation.name": "chat", "gen_ai.usage.cost": "0.25"}
# Half an hour to an hour east; hours west, with clocks that change; and one that changes at midnight.
ZONES = ("Asia/Kathmandu", "America/New_York", "America/Santiago")
# The ends of a month, of a year and of a February; when clocks change in New York, and in Santiago.
DAYS = (date(2026, 1, 31), date(2026, 12, 31), date(2028, 2, 29))
CHANGES = (date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5), date(2026, 9, 6))
FAR_EAST, FAR_WEST = "Pacific/Kiritimati", "Pacific/Pago_Pago"
_NS_PER_S = 10**9


Open = Callable[[str], Database]


@pytest.fixture(scope="module", params=ZONES)
def zone(request: pytest.FixtureRequest) -> str:
    """Where days begin at first."""
    return str(request.param)


@pytest.fixture(scope="module")
def opened(zone: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Open]:
    """A database whose days begin in this or that zone: an engine of its own, as days that were counted stay."""
    directory = tmp_path_factory.mktemp("elsewhere")
    with (
        Spanhouse.start("engine", data_dir=directory, flags=("--timezone", zone), fresh=True) as engine,
        ExitStack() as stack,
    ):

        def opened(zone: str) -> Database:
            settings = Settings.load(clickhouse=dsn(engine), data_dir=directory / "client")
            database = stack.enter_context(closing(Database.open(settings)))
            installation.change(database, InstallationSettings(timezone=zone))
            return database

        yield opened


@pytest.fixture(scope="module")
def elsewhere(opened: Open, zone: str) -> Database:
    """The database whose days begin there."""
    return opened(zone)


@pytest.mark.slow
def test_executions_and_calls_count_on_the_days_on_which_they_began_there(elsewhere: Database, tmp_path: Path) -> None:
    moments = [ns for day in (*DAYS, *CHANGES) for ns in _around(day)]
    rows = [
        each
        for number, ns in enumerate(moments)
        for each in (
            span("a", AGENT, TraceId=f"t{number}", Timestamp=ns, Duration=30 * 3600 * _NS_PER_S),
            span("b", CALL, "a", TraceId=f"t{number}", Timestamp=ns + 3600 * _NS_PER_S),
        )
    ]
    insert(elsewhere, {"there": rows}, tmp_path)
    settle(elsewhere, 30)
    assert_counted(elsewhere, "there")
    assert_budgeted(elsewhere, "there")
    assert sum(day["tasks_attempted"] for day in stored(elsewhere, "there").values()) == len(moments)


@pytest.mark.slow
def test_an_execution_that_claims_to_be_of_any_time_is_counted(elsewhere: Database, tmp_path: Path) -> None:
    times = (0, -1, 2**32 * _NS_PER_S, 2**63 - 1, -(2**63))
    insert(
        elsewhere,
        {"any": [span("a", AGENT, TraceId=f"t{ns}", Timestamp=ns) for ns in times]},
        tmp_path,
    )
    settle(elsewhere, 30)
    assert sum(day["tasks_attempted"] for day in stored(elsewhere, "any").values()) == len(times)


@pytest.mark.slow
def test_when_the_time_zone_changes_a_rebuild_counts_every_day_anew(
    elsewhere: Database, opened: Open, tmp_path: Path
) -> None:
    moments = [ns for day in (*DAYS, *CHANGES) for ns in _around(day)]
    rows = [span("a", AGENT, TraceId=f"m{number}", Timestamp=ns) for number, ns in enumerate(moments)]
    calls = [span("b", CALL, "a", TraceId=row["TraceId"], Timestamp=row["Timestamp"]) for row in rows]
    insert(elsewhere, {"moved": [*rows, *calls]}, tmp_path)
    settle(elsewhere, 30)
    moved = opened(FAR_EAST)
    rebuild(moved, Selection("moved"))
    assert_counted(moved, "moved")
    assert_budgeted(moved, "moved")
    assert audit(moved, Selection("moved")).is_clean


@pytest.mark.slow
def test_today_is_what_it_is_in_the_time_zone_of_now(elsewhere: Database, opened: Open) -> None:
    set_limit(elsewhere, Budget("today"), Decimal(1))
    # Whatever the time, it is another day in one than in the other.
    for zone in (FAR_EAST, FAR_WEST):
        moved = opened(zone)
        ((today,),) = moved.rows("SELECT date FROM spanhouse.agent_budget WHERE tenant_id = 'today'")
        assert today == datetime.now(ZoneInfo(zone)).date()


def _around(day: date) -> list[int]:
    """Each half hour of the day, of the one before and of the one after, in UTC, and the last nanosecond before it."""
    begin = datetime.combine(day, datetime.min.time(), UTC) - timedelta(days=1)
    moments = [int((begin + timedelta(minutes=30) * number).timestamp()) * _NS_PER_S for number in range(144)]
    return [ns - before for ns in moments for before in (0, 1)]
