"""A database with spans and events gets its records by the migration, however often that is begun."""

import subprocess
import sys
from pathlib import Path

import pytest

# chDB opens one directory a process, so what needs a database at an earlier revision runs in a process of its own.
# Ten thousand spans and events, of which one in five says something of a record.
_CODE = """
import sys
from pathlib import Path
from unittest.mock import patch
from spanhouse_schema import Database, Settings, ddl, migrate
database = Database.open(Settings.load(data_dir=Path(sys.argv[1])))
said = '''mapFromArrays(
    ['session.id', if(number % 5 = 0, 'spanhouse.session.phase', 'a'), if(number % 10 = 0, 'spanhouse.task.name', 'b')],
    [toString(number % 100), 'training', 'survey'])'''
def insert():
    database.command(
        f"INSERT INTO spanhouse.otel_traces (Timestamp, IngestedAt, TraceId, SpanId, SpanAttributes) "
        f"SELECT toDateTime64(number, 9), toDateTime64('2026-01-02 03:04:05', 3) + toIntervalDay(number % 150), "
        f"hex(number), hex(number), {said} FROM numbers(10000)", settings={"max_partitions_per_insert_block": 0})
    database.command(
        f"INSERT INTO spanhouse.otel_logs (Timestamp, TraceId, SpanId, EventName, LogAttributes) "
        f"SELECT toDateTime64(number, 9), hex(number), hex(number), 'spanhouse.execution.running', {said} "
        f"FROM numbers(10000)")
count = lambda: database.rows("SELECT count() FROM spanhouse.record_statements")[0][0]
statements = lambda: database.rows("SELECT * EXCEPT IngestedAt FROM spanhouse.record_statements ORDER BY ALL")
sessions = lambda: database.rows("SELECT * FROM spanhouse.agent_sessions ORDER BY ALL")
migrate.upgrade(database, "0006")
insert()
"""


def _run(code: str, directory: Path) -> None:
    command = [sys.executable, "-c", _CODE + code, str(directory)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_a_migration_makes_of_what_is_there_the_records_that_the_views_would(tmp_path: Path) -> None:
    _run(
        """
migrate.upgrade(database)
assert count() == 2 * 3000, count()
backfilled, found = statements(), sessions()
assert len(found) == 20, len(found)
database.command("TRUNCATE TABLE spanhouse.record_statements")
insert()
assert statements() == backfilled
assert sessions() == found
migrate.downgrade(database, "0006")
migrate.upgrade(database)
assert sessions() == found
assert "when" in {name for (name, *_) in database.rows("DESCRIBE spanhouse.agent_actions")}
""",
        tmp_path,
    )


@pytest.mark.slow
def test_a_migration_that_died_after_the_spans_is_finished_by_the_next(tmp_path: Path) -> None:
    _run(
        """
real = ddl.statements
def until_it_dies(name):
    if name == "record_events_mv" and database.rows("EXISTS spanhouse.record_events_mv") == [(1,)]:
        _, _, select = real("record_spans_mv")[0].partition(" AS\\n")
        database.command(f"INSERT INTO spanhouse.record_spans {select}")
        raise KeyboardInterrupt
    return real(name)
with patch.object(ddl, "statements", until_it_dies):
    try:
        migrate.upgrade(database)
    except KeyboardInterrupt:
        pass
assert count() == 3000, count()
assert not migrate.status(database).at_head
migrate.upgrade(database)
assert migrate.status(database).at_head
assert count() == 2 * 3000, count()
""",
        tmp_path,
    )
