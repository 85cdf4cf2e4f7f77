"""A database with log records gets its lifecycle events by the migration, once, however often it is begun."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

# chDB opens one directory a process, so what needs a database at an earlier revision runs in a process of its own.
# Ten thousand records, two of five no events, each of them twice: in requests of different days.
_RECORDS = """
INSERT INTO spanhouse.otel_logs (Timestamp, IngestedAt, TraceId, SpanId, ServiceName, Body, EventName, LogAttributes)
SELECT '2026-01-02 03:04:05', toDateTime64('2026-01-02 03:04:05', 3) + toIntervalDay(number % 150),
    toString(number % 10000), 's', 'agents', 'step', if(number % 5 < 3, 'spanhouse.execution.running', 'other'),
    map('spanhouse.execution.progress', '0.5')
FROM numbers(20000)
"""
_OPEN = """
import os, signal, sys, threading
from contextlib import suppress
from pathlib import Path
from spanhouse_schema import Database, DatabaseError, Settings, migrate
database = Database.open(Settings.load(data_dir=Path(sys.argv[1])))
count = lambda: database.rows("SELECT count(), uniqExact(EventId) FROM spanhouse.execution_events")
events = lambda: database.rows("SELECT DISTINCT * EXCEPT IngestedAt FROM spanhouse.execution_events ORDER BY ALL")
def insert_records():
    database.command(sys.argv[2], settings={"max_partitions_per_insert_block": 0})
"""


def _run(code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _OPEN + code, str(directory), _RECORDS]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_a_migration_makes_of_the_records_that_are_there_the_events_that_the_view_would(tmp_path: Path) -> None:
    code = """
migrate.upgrade(database, "0002")
insert_records()
migrate.upgrade(database)
assert count() == [(6000, 6000)], count()
backfilled = events()
database.command("TRUNCATE TABLE spanhouse.execution_events")
insert_records()
assert count() == [(12000, 6000)], "each as often as it came"
assert events() == backfilled
migrate.downgrade(database, "0002")
migrate.upgrade(database)
assert count() == [(6000, 6000)]
"""
    result = _run(code, tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_a_migration_that_is_killed_among_the_records_is_finished_by_the_next(tmp_path: Path) -> None:
    dies = """
migrate.upgrade(database, "0002")
insert_records()
def kill_when_there_are_events():
    while True:
        with suppress(DatabaseError):  # before there is a table
            if count() != [(0, 0)]:
                os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill_when_there_are_events, daemon=True).start()
migrate.upgrade(database)
"""
    assert _run(dies, tmp_path).returncode == -signal.SIGKILL
    finishes = """
(there,) = count()
assert 0 < there[0] < 6000, there
assert not migrate.status(database).at_head
migrate.upgrade(database)
assert migrate.status(database).at_head
assert count() == [(6000, 6000)], count()
"""
    result = _run(finishes, tmp_path)
    assert result.returncode == 0, result.stderr
