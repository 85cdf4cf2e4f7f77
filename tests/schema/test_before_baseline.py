"""An installation of revision 0012, before the baseline, is taken over with all that is in it."""

import re
import tarfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from spanhouse_schema import Database, DatabaseError, Settings
from spanhouse_schema.access import row_filters
from spanhouse_schema.clickhouse import before_baseline, installation, migrate, revisions
from spanhouse_schema.derive import daily_sums
from spanhouse_schema.derive.settling import settle
from spanhouse_schema.proof.audit import Selection, audit
from spanhouse_schema.settings import InstallationSettings
from tests.support.own_process import call
from tests.support.schema_objects import objects, rows_hashed

# The data directory of a `spanhouse up --retention-days 3650 --timezone Europe/Berlin`.
INSTALLATION = Path(__file__).parent / "installations" / "0012.tar.xz"
SET = {"retention_days": "3650", "sql_audit_retention_days": "365", "timezone": "Europe/Berlin"}
NEW = {"definitions", "installation", "set_aside_traces", "settlers", "daily_ledger", *daily_sums.TABLES}
# Counted by day once, and read from the sums of the ledger now.
COUNTED = ("agent_performance_daily", "model_usage_daily", "agent_budget_daily")
# By columns that came later.
WIDER = {"agent_spans", "agent_calls", "response_ids", "model_prices"}
CHANGED = {*COUNTED, *WIDER, "agent_spend", "listed_executions"}


def _unpacked(directory: Path) -> Database:
    with tarfile.open(INSTALLATION) as archive:
        archive.extractall(directory, filter="data")
    return Database.open(Settings.load(data_dir=directory))


def _upgrade(database: Database) -> None:
    migrate.upgrade(database)


def _days(database: Database, final: str = "") -> dict[str, list[list[Any]]]:
    """What is said of each day, by names of columns; percentiles apart, which are counted in buckets."""
    found = {}
    for table in COUNTED:
        columns = database.rows(
            "SELECT name FROM system.columns WHERE database = 'spanhouse' AND table = {table:String} "
            "AND default_kind = '' AND name NOT IN ('version', 'is_deleted', 'average_duration', 'average_confidence') "
            "AND NOT match(name, '^p\\d+_') ORDER BY name",
            parameters={"table": table},
        )
        names = ", ".join(name for (name,) in columns)
        found[table] = [
            list(row) for row in database.rows(f"SELECT {names} FROM spanhouse.{table} {final} ORDER BY ALL")
        ]
    return found


def _installation(database: Database) -> dict[str, str]:
    return dict(database.rows("SELECT name, value FROM spanhouse.installation FINAL"))


def _without_ttl(statements: dict[str, str]) -> dict[str, str]:
    ttl = r" TTL toDateTime\((?:IngestedAt|StartedAt)\) \+ toIntervalDay\(\d+\)"
    return {name: re.sub(ttl, "", statement) for name, statement in statements.items()}


def _is_taken_over(directory: Path) -> dict[str, str]:
    database = _unpacked(directory)
    assert migrate.status(database).current == "0012"
    before = rows_hashed(database)
    assert before["otel_traces"][0] > 0
    assert before["agent_executions"][0] > 0
    days = _days(database, "FINAL")
    assert all(days.values())
    _upgrade(database)
    assert migrate.status(database).at_head
    after = rows_hashed(database)
    assert {table: after.get(table) for table in before.keys() - CHANGED} == _without(before, CHANGED)
    assert after.keys() - before.keys() == NEW
    assert _days(database) == days
    assert _installation(database) == SET
    taken_over = objects(database)
    _upgrade(database)
    assert objects(database) == taken_over, "twice is once"
    assert rows_hashed(database) == after
    row_filters.enforce(database)
    settle(database)
    assert _days(database) == days, "the ledger says of what was stored what a settling does"
    different = {each.table for each in audit(database, Selection()).found if each.different}
    # Prices were set that nothing has yet; and spans say of which process they are, so that failures meet, too.
    read_otherwise = {"agent_spans", "response_ids"}
    assert different == {"agent_calls", "agent_executions", "daily_ledger"} | read_otherwise
    database.close()
    return _without_ttl(taken_over)


def _new(directory: Path) -> dict[str, str]:
    database = Database.open(Settings.load(data_dir=directory))
    _upgrade(database)
    installation.change(database, InstallationSettings(timezone="Europe/Berlin"))
    return _without_ttl(objects(database))


@pytest.mark.slow
def test_an_installation_of_before_the_baseline_becomes_what_a_new_one_is_with_its_rows(tmp_path: Path) -> None:
    assert call(_is_taken_over, tmp_path / "old") == call(_new, tmp_path / "new")


def _is_killed_on_the_way(directory: Path) -> None:
    database = _unpacked(directory)
    before = rows_hashed(database)
    with patch.object(revisions, "upgrade", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        _upgrade(database)
    _upgrade(database)
    assert migrate.status(database).at_head
    assert _installation(database) == SET
    after = rows_hashed(database)
    assert {table: after.get(table) for table in before.keys() - CHANGED} == _without(before, CHANGED)


def _without(rows: dict[str, tuple[int, int]], tables: set[str]) -> dict[str, tuple[int, int]]:
    return {table: hashed for table, hashed in rows.items() if table not in tables}


@pytest.mark.slow
def test_a_takeover_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    call(_is_killed_on_the_way, tmp_path)


@pytest.mark.parametrize("revision", ["0001", "0011"])
def test_an_earlier_revision_is_refused_with_what_to_do(database: Database, revision: str) -> None:
    with pytest.raises(
        DatabaseError, match=f"at revision {revision} of before 0.1.0.*`spanhouse migrate up` of commit"
    ):
        before_baseline.adopt(database, revision)


@pytest.mark.parametrize("revision", ["0001", "0012"])
def test_there_is_no_way_down_from_before_the_baseline(revision: str) -> None:
    with pytest.raises(DatabaseError, match="`spanhouse migrate up` comes first"):
        before_baseline.refuse(revision)
