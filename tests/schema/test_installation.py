"""What belongs to an installation is stored in it, and changes only where somebody says so."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from spanhouse_schema import Database
from spanhouse_schema.clickhouse import installation
from spanhouse_schema.errors import RowsWouldGo
from spanhouse_schema.settings import InstallationSettings
from tests.support.retention import keep_all

VIEWS_OF_TODAY = ("agent_budget", "budget_limits_now", "budget_verdicts")


@pytest.fixture
def own(database: Database) -> Generator[Database]:
    """The database as if it were new; when the test is over it keeps all rows again, as the other tests need it."""
    _forget(database)
    yield database
    _forget(database)
    keep_all(database)


def _forget(database: Database) -> None:
    database.command("TRUNCATE TABLE spanhouse.installation")
    installation.enforce(database)


def change(database: Database, *, delete_rows: bool = False, **given: Any) -> installation.Installation:
    """Change what is given, and return what is stored then."""
    installation.change(database, InstallationSettings.load(**given), delete_rows=delete_rows)
    return installation.read(database)


def test_a_new_installation_has_the_defaults(own: Database) -> None:
    assert change(own) == installation.NEW == (90, 365, "UTC", Decimal(5))


def test_what_was_said_once_stays_until_something_else_is_said(own: Database) -> None:
    change(own, retention_days=400, timezone="Europe/Berlin")
    assert change(own) == (400, 365, "Europe/Berlin", Decimal(5))
    assert change(own, default_budget_usd="2.50") == (400, 365, "Europe/Berlin", Decimal("2.50"))
    assert change(own, timezone="UTC").timezone == "UTC"


def test_the_time_zone_reaches_every_view_and_goes_back(own: Database) -> None:
    before = _views(own)
    change(own, timezone="Pacific/Kiritimati")
    assert all("Pacific/Kiritimati" in view for view in _views(own))
    change(own, timezone="UTC")
    assert _views(own) == before


def test_the_default_budget_reaches_who_has_no_limit(own: Database) -> None:
    own.command(
        "INSERT INTO spanhouse.budget_limits (tenant_id, scope, scope_id, period, valid_from, limit_usd, is_cleared) "
        "SELECT 'installation', 'tenant', '', 'day', now64(6), 1, true"
    )
    change(own, default_budget_usd="2.25")
    query = "SELECT limit_usd FROM spanhouse.agent_budget WHERE tenant_id = 'installation'"
    assert own.rows(query) == [(Decimal("2.25"),)]


def test_a_shorter_retention_that_would_delete_rows_is_refused_with_what_would_go(own: Database) -> None:
    change(own, retention_days=3650)
    # Older than the rows of any other test in this database.
    own.command(
        "INSERT INTO spanhouse.otel_traces (Timestamp, TraceId, TenantId, IngestedAt) "
        "SELECT now64(9), 'a', 'installation', now64(3) - toIntervalDay(2000 + number) FROM numbers(3)"
    )
    first, last = (datetime.now(UTC).date() - timedelta(days=days) for days in (2002, 2000))
    try:
        with pytest.raises(
            RowsWouldGo, match=f"from {first} to {last} .* 3650 days now: .*3 of otel_traces, .*Say --yes"
        ):
            change(own, retention_days=1500)
        assert installation.read(own).retention_days == 3650
        assert change(own, retention_days=1500, delete_rows=True).retention_days == 1500
    finally:
        own.command("DELETE FROM spanhouse.otel_traces WHERE TenantId = 'installation'")


def test_a_shorter_retention_that_deletes_nothing_needs_no_consent(own: Database) -> None:
    change(own, retention_days=9_000)
    assert change(own, retention_days=8_000).retention_days == 8_000


def _views(database: Database) -> list[str]:
    rows = database.rows(
        "SELECT create_table_query FROM system.tables WHERE database = 'spanhouse' AND name IN {views:Array(String)} "
        "AND position(create_table_query, 'now(') > 0 ORDER BY name",
        parameters={"views": list(VIEWS_OF_TODAY)},
    )
    return [text for (text,) in rows]
