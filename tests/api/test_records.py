"""What a researcher asks, with a key of scope read, as it is written: each tenant of its own sessions."""

from pathlib import Path

import httpx
import pytest

from spanhouse_schema import Database
from spanhouse_schema.access.key_ring import Scope
from spanhouse_schema.derive.discovery import discover
from spanhouse_schema.derive.settling import settle
from tests.api.conftest import Door
from tests.schema.records import Event, send
from tests.schema.test_records import CYCLE
from tests.support.insert_rows import insert
from tests.support.traffic import DAY, Call, Run, rows
from tests.support.waiting import until

ACTIVE = {"session.id": "cycle-2", "spanhouse.session.phase": "designing"}
WON = {"session.id": "cycle-0", "spanhouse.session.outcome": "success"}


@pytest.fixture(scope="module")
def researched(database: Database, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tenant that has done research: a cycle that failed and one that succeeded, and one that goes on."""
    said = [Event("spanhouse.session.phase", 1000, ACTIVE), Event("spanhouse.session.completed", 0, WON)]
    for tenant in ("acme", "zed"):
        send(database, tenant, [*CYCLE, *said], tmp_path_factory.mktemp("research"))
    return "acme"


ASKED = {
    "SELECT * FROM agent_sessions WHERE phase != 'idle' ORDER BY created_at DESC LIMIT 1;": "acme\tcycle-2",
    """SELECT s.id, s.strategy_name, s.outcome, m.backtest_sharpe, m.estimated_cost_usd
  FROM agent_sessions s JOIN agent_metrics m ON s.id = m.session_id ORDER BY s.completed_at DESC LIMIT 10;""": (
        "cycle-1\tmomentum\tfailed_backtest_gate\t1.5\t0.25\ncycle-0\t\\N\tsuccess\t\\N\t\\N\n"
    ),
    "SELECT AVG(estimated_cost_usd), COUNT(*) FROM agent_metrics WHERE outcome = 'success';": "\\N\t1\n",
    """SELECT tool_name, count(), countIf(NOT success), sum(tokens_input), sum(tokens_output) FROM agent_actions
  GROUP BY tool_name;""": "backtest\t1\t1\t\\N\t\\N\n",
    "SELECT * FROM agent_budget WHERE date = CURRENT_DATE;": "\t5\t0\t5\t0\t0\t0\t0\t\\N\t\\N\t\\N\tallow\n",
}


@pytest.mark.parametrize(("statement", "expected"), ASKED.items())
def test_the_queries_of_a_researcher_run_as_they_are_written(
    acme: httpx.Client, researched: str, statement: str, expected: str
) -> None:
    answer = acme.post("/", content=statement, params={"database": "spanhouse"})
    assert answer.status_code == 200, answer.text
    assert expected in answer.text


def test_each_record_is_its_tenants(acme: httpx.Client, researched: str) -> None:
    for view in ("agent_sessions", "agent_metrics", "agent_execution_history", "record_statements_in_context"):
        column = "TenantId" if view.startswith("record_") else "tenant_id"
        asked = f"SELECT DISTINCT {column} FROM spanhouse.{view}"
        assert acme.post("/", content=asked).text == f"{researched}\n"


def test_who_has_never_sent_anything_has_a_budget_today(door: Door) -> None:
    ask = {"password": door.keys.create("newcomer", Scope.READ).key}
    until(lambda: httpx.get(door.url, params={"query": "SELECT 1"} | ask).is_success)
    statement = "SELECT tenant_id, limit_usd, used_usd, verdict FROM spanhouse.agent_budget WHERE date = CURRENT_DATE"
    answer = httpx.post(door.url, content=statement, params=ask, timeout=60)
    assert answer.text == "newcomer\t5\t0\tallow\n"


def test_a_pattern_that_was_found_is_its_tenants(acme: httpx.Client, database: Database, tmp_path: Path) -> None:
    runs = [Run("circling", calls=(Call("search", "x"),) * 9)]
    for tenant in ("acme", "zed"):
        insert(database, {tenant: rows(runs)}, tmp_path)
    settle(database, 3600)
    discover(database, DAY)
    for asked in (
        "SELECT tenant_id, type, evidence_count FROM agent_discovered_patterns WHERE name LIKE '%circling%'",
        "SELECT TenantId, Type, EvidenceCount FROM found_patterns FINAL WHERE AgentName = 'circling'",
    ):
        answer = acme.post("/", content=asked, params={"database": "spanhouse"})
        assert answer.text == "acme\trepeated_call\t1\n"
