"""The discoverer: what agents did a moment ago is searched without being asked for, and again after a failure."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest

from spanhouse_collector.discoverer import Discoverer
from spanhouse_collector.metrics import Metrics
from spanhouse_schema import Database, StatementFailed
from spanhouse_schema.derive.discovery import discover
from spanhouse_schema.derive.settling import settle
from tests.collector.loading import until
from tests.support.insert_rows import insert
from tests.support.traffic import DAY, Call, Run, rows

pytestmark = pytest.mark.anyio


# Only what was settled in the last seconds is looked at: other tests have settled weeks of days.
_discoverer = partial(Discoverer, known_s=5, margin_s=5, share=0)


def _loop(database: Database, tenant: str, directory: Path) -> None:
    """A run that goes round in circles today."""
    days = (DAY - datetime.now(UTC).date()).days
    looping = Run("scout", days, calls=(Call("search", "x"),) * 9)
    insert(database, {tenant: rows([looping])}, directory)
    settle(database, 3600)


def _found(database: Database, tenant: str) -> bool:
    asked = "SELECT type FROM spanhouse.agent_discovered_patterns WHERE tenant_id = {tenant:String}"
    return database.rows(asked, parameters={"tenant": tenant}) == [("repeated_call",)]


async def test_what_happens_today_is_found_today(database: Database, tmp_path: Path) -> None:
    metrics = Metrics()
    searching = _discoverer(database, metrics, every_s=0.1)
    await searching.start()
    for tenant in ("discoverer-first", "discoverer-later"):
        _loop(database, tenant, tmp_path)
        await until(partial(_found, database, tenant))
    await searching.stop()
    assert b"spanhouse_discovery_failures_total 0.0" in generate_latest(metrics.registry)
    assert b"spanhouse_discovery_seconds_count 0.0" not in generate_latest(metrics.registry)


async def test_a_search_that_fails_is_counted_and_tried_again(database: Database, tmp_path: Path) -> None:
    _loop(database, "discoverer-retry", tmp_path)
    database.command("RENAME TABLE spanhouse.found_patterns TO spanhouse.found_patterns_away")
    metrics = Metrics()
    searching = _discoverer(database, metrics, retry_s=0.1)
    try:
        with pytest.raises(StatementFailed):
            discover(database, datetime.now(UTC).date())
        await searching.start()
        await until(lambda: b"spanhouse_discovery_failures_total 0.0" not in generate_latest(metrics.registry))
    finally:
        database.command("RENAME TABLE spanhouse.found_patterns_away TO spanhouse.found_patterns")
    await until(partial(_found, database, "discoverer-retry"))
    await searching.stop()
