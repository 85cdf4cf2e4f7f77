"""The schema goes up, down and up again, on data, whoever else is at it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spanhouse_schema import Database, DatabaseError
from spanhouse_schema.clickhouse import migrate
from tests.support.process import Spanhouse, run
from tests.support.stores import dsn

# chDB opens one directory a process, so what needs an empty database runs in a process of its own.
OPEN = """
import sys
from pathlib import Path
from spanhouse_schema import Database, Settings, migrate
database = Database.open(Settings.load(data_dir=Path(sys.argv[1])))
objects = lambda: [row[0] for row in database.rows(
    "SELECT create_table_query FROM system.tables WHERE database = 'spanhouse' AND name != 'alembic_version' "
    "ORDER BY name")]
"""


def _run(code: str, directory: Path) -> str:
    command = [sys.executable, "-c", OPEN + code, str(directory)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_up_down_and_up_again_on_data_ends_where_it_began(tmp_path: Path) -> None:
    code = """
assert migrate.status(database) == (None, migrate.head())
migrate.upgrade(database)
first = objects()
database.command("INSERT INTO spanhouse.otel_traces (Timestamp, TraceId) VALUES (now64(9), 'a')")
database.command("INSERT INTO spanhouse.otel_logs (Timestamp, Body) VALUES (now64(9), 'a')")
migrate.upgrade(database)
assert database.rows("SELECT count() FROM spanhouse.otel_traces") == [(1,)], "an upgrade at head keeps the rows"
migrate.downgrade(database, "base")
assert objects() == [], objects()
assert migrate.status(database).current is None
assert database.rows("SELECT count() FROM system.functions WHERE origin = 'SQLUserDefined'") == [(0,)]
migrate.upgrade(database)
assert objects() == first
assert migrate.status(database).at_head
print(len(first))
"""
    assert int(_run(code, tmp_path)) > 20


def test_a_step_down_takes_what_that_revision_made_and_nothing_else(tmp_path: Path) -> None:
    code = """
names = lambda: {row[0] for row in database.rows("SELECT name FROM system.tables WHERE database = 'spanhouse'")}
migrate.upgrade(database, "0001")
before = names()
migrate.upgrade(database)
events = {"otlp_events", "otlp_events_mv", "execution_events", "execution_events_mv"}
spans = {"agent_spans", "agent_spans_mv", "touched_traces", "touched_traces_mv", "response_ids", "response_ids_mv"}
executions = {"agent_calls", "agent_executions", "agent_executions_by_agent", "llm_calls", "agent_actions"}
spans.add("touched_events_mv")
prices, days = {"model_prices"}, {"listed_executions", "agent_performance_daily", "model_usage_daily"}
records = {"record_statements", "record_spans", "record_statements_mv", "record_spans_mv", "record_events_mv"}
records |= {"record_statements_in_context", "agent_execution_payloads", "agent_execution_history", "agent_outputs"}
records |= {"agent_sessions", "agent_metrics", "agent_triggers", "agent_task_history", "agent_discovered_patterns"}
records |= {"triage_files", "triage_domain_scores", "triage_entities", "triage_groupings", "found_patterns"}
budgets = {"agent_spend", "agent_cycles", "agent_cycles_mv", "budget_limits", "agent_budget_daily", "agent_budget"}
budgets |= {"budget_limits_now", "budget_verdicts"}
made = {"sql_audit", "rebuild_progress", *events, *spans, *executions, *prices, *days, *records, *budgets}
assert names() - before == made, (names() - before) ^ made
database.command("INSERT INTO spanhouse.otel_traces (Timestamp, TraceId) VALUES (now64(9), 'a')")
database.command("INSERT INTO spanhouse.sql_audit (TenantId, StartedAt) VALUES ('acme', now64(3))")
migrate.downgrade(database, "0001")
assert names() == before
migrate.upgrade(database)
print(database.rows("SELECT (SELECT count() FROM spanhouse.otel_traces), (SELECT count() FROM spanhouse.sql_audit)"))
"""
    assert _run(code, tmp_path) == "[(1, 0)]\n"


def test_a_migration_that_was_killed_half_way_is_finished_by_the_next(tmp_path: Path) -> None:
    code = """
from unittest.mock import patch
from spanhouse_schema import ddl
real, done = ddl.statements, []
def until_it_dies(name):
    done.append(name)
    if len(done) == 9:
        raise KeyboardInterrupt
    return real(name)
with patch.object(ddl, "statements", until_it_dies):
    try:
        migrate.upgrade(database)
    except KeyboardInterrupt:
        pass
database.command("CREATE TABLE IF NOT EXISTS spanhouse.migration_lock (holder UInt8) ENGINE = Memory")
assert not migrate.status(database).at_head
migrate.upgrade(database)
assert migrate.status(database).at_head
print(len(objects()))
"""
    assert int(_run(code, tmp_path)) > 20


def test_an_unknown_revision_is_refused_with_a_hint(database: Database) -> None:
    with pytest.raises(DatabaseError, match="spanhouse migrate status"):
        migrate.upgrade(database, "9999")


def test_the_printed_sql_makes_the_same_objects(tmp_path: Path) -> None:
    code = """
from spanhouse_schema import ddl
import re
for statement in re.split(r";\\s*$", migrate.sql(), flags=re.MULTILINE):
    if ddl._has_sql(statement):
        database.command(statement)
printed = objects()
for statement in re.split(r";\\s*$", migrate.sql("base", down=True), flags=re.MULTILINE):
    if ddl._has_sql(statement):
        database.command(statement)
assert objects() == []
migrate.upgrade(database)
assert objects() == printed
print(len(printed))
"""
    assert int(_run(code, tmp_path)) > 20


@pytest.mark.slow
def test_two_processes_that_migrate_a_server_at_once_are_safe(tmp_path: Path) -> None:
    with Spanhouse.start("engine", data_dir=tmp_path) as engine:
        where = ("--clickhouse", dsn(engine), "--data-dir", str(tmp_path / "client"))
        assert run("migrate", "down", "base", "--yes", *where).returncode == 0
        with ThreadPoolExecutor(3) as processes:
            ended = list(processes.map(lambda _: run("migrate", "up", *where), range(3)))
        assert [process.returncode for process in ended] == [0, 0, 0], [process.stderr for process in ended]
        assert run("migrate", "status", *where).returncode == 0
        found = engine.sql_text("SELECT name FROM system.tables WHERE name IN ('otel_traces', 'migration_lock')")
        assert found == "otel_traces"
