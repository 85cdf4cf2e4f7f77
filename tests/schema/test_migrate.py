"""The tables go up, down and up again, on data, whoever else is at it."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest

from spanhouse_schema import Database, DatabaseError, Settings
from spanhouse_schema.clickhouse import definitions, migrate, revisions, sql_files
from tests.schema.modules import modules_of_an_upgrade
from tests.support.own_process import call
from tests.support.process import Spanhouse, run
from tests.support.schema_objects import objects
from tests.support.stores import dsn

SNAPSHOTS = Path(__file__).parent / "snapshots"


def _empty(directory: Path) -> Database:
    return Database.open(Settings.load(data_dir=directory))


def _upgrade(database: Database) -> None:
    migrate.upgrade(database)


def _run(database: Database, sql: str) -> None:
    for statement in sql_files.split(sql):
        database.command(statement)


def _goes_up_down_and_up_again(directory: Path) -> None:
    database = _empty(directory)
    assert migrate.status(database) == (None, migrate.HEAD)
    _upgrade(database)
    first = objects(database)
    database.command("INSERT INTO spanhouse.otel_traces (Timestamp, TraceId) VALUES (now64(9), 'a')")
    database.command("INSERT INTO spanhouse.otel_logs (Timestamp, Body) VALUES (now64(9), 'a')")
    _upgrade(database)
    assert database.rows("SELECT count() FROM spanhouse.otel_traces") == [(1,)], "an upgrade at head keeps the rows"
    migrate.downgrade(database, "base")
    assert objects(database) == {}
    assert migrate.status(database).current is None
    _upgrade(database)
    assert objects(database) == first
    assert migrate.status(database).at_head
    assert database.rows("SELECT count() FROM spanhouse.otel_traces") == [(0,)]


@pytest.mark.slow
def test_up_down_and_up_again_on_data_ends_where_it_began(tmp_path: Path) -> None:
    call(_goes_up_down_and_up_again, tmp_path)


def _is_killed_half_way(directory: Path) -> None:
    database = _empty(directory)
    done: list[str] = []
    command = Database.command

    def until_it_dies(database: Database, sql: str) -> None:
        done.append(sql)
        if len(done) == 20:
            raise KeyboardInterrupt
        command(database, sql)

    with patch.object(Database, "command", until_it_dies), pytest.raises(KeyboardInterrupt):
        _upgrade(database)
    made = objects(database)
    _upgrade(database)
    assert len(made) < len(objects(database))
    assert definitions.apply(database, timezone="UTC", default_budget_usd=Decimal(5)) == []


@pytest.mark.slow
def test_an_upgrade_that_was_killed_half_way_is_finished_by_the_next(tmp_path: Path) -> None:
    call(_is_killed_half_way, tmp_path)


def _is_printed(directory: Path) -> None:
    database = _empty(directory)
    _run(database, migrate.sql())
    assert migrate.status(database).at_head
    printed = objects(database)
    assert definitions.apply(database, timezone="UTC", default_budget_usd=Decimal(5)) == []
    _run(database, migrate.down_sql("base"))
    assert objects(database) == {}
    _upgrade(database)
    assert objects(database) == printed


@pytest.mark.slow
def test_the_printed_sql_makes_the_same_objects(tmp_path: Path) -> None:
    call(_is_printed, tmp_path)


def _is_declared(directory: Path) -> tuple[dict[str, str], dict[str, str]]:
    database = _empty(directory)
    migrate.upgrade_tables(database)
    of_history = objects(database)
    migrate.downgrade(database, "base")
    for file in sql_files.names("tables"):
        for statement in sql_files.statements(file):
            database.command(statement)
    return of_history, objects(database)


def test_the_revisions_make_the_tables_that_are_declared(tmp_path: Path) -> None:
    """A table is declared in sql/tables, and changed by a revision: both must say the same."""
    of_history, declared = call(_is_declared, tmp_path)
    assert of_history == declared


def _is_restored(directory: Path, snapshot: str) -> tuple[dict[str, str], dict[str, str]]:
    database = _empty(directory)
    _run(database, snapshot)
    _upgrade(database)
    risen = objects(database)
    migrate.downgrade(database, "base")
    _upgrade(database)
    return risen, objects(database)


@pytest.mark.slow
@pytest.mark.parametrize("snapshot", sorted(SNAPSHOTS.glob("*.sql")), ids=lambda file: file.stem)
def test_a_database_of_any_release_becomes_what_a_new_one_is(snapshot: Path, tmp_path: Path) -> None:
    risen, fresh = call(_is_restored, tmp_path, snapshot.read_text(encoding="utf-8"))
    assert risen == fresh


def test_there_is_a_snapshot() -> None:
    assert list(SNAPSHOTS.glob("*.sql"))


def test_the_head_that_is_known_without_alembic_is_the_newest_revision() -> None:
    assert revisions.head() == migrate.HEAD


def test_every_revision_says_whether_it_rewrites_data_and_goes_up_and_down() -> None:
    files = sorted(Path(revisions.__file__).parent.joinpath("migrations", "versions").glob("*.py"))
    assert files
    for file in files:
        assert "ewrites" in file.read_text(encoding="utf-8").partition('"""\n')[0], file.name
        assert revisions.statements(file.stem, "up"), file.name
        assert revisions.statements(file.stem, "down"), file.name


def test_an_unknown_revision_is_refused_with_a_hint(database: Database) -> None:
    with pytest.raises(DatabaseError, match="spanhouse migrate status"):
        migrate.upgrade_tables(database, "9999")


@pytest.mark.slow
def test_a_database_at_the_newest_revision_is_opened_without_alembic(tmp_path: Path) -> None:
    assert "alembic" in call(modules_of_an_upgrade, tmp_path)
    assert "alembic" not in call(modules_of_an_upgrade, tmp_path)


@pytest.mark.slow
def test_two_processes_that_migrate_a_server_at_once_are_safe(tmp_path: Path) -> None:
    with Spanhouse.start("engine", data_dir=tmp_path) as engine:
        where = ("--clickhouse", dsn(engine), "--data-dir", str(tmp_path / "client"))
        assert run("migrate", "down", "base", "--yes", *where).returncode == 0
        with ThreadPoolExecutor(3) as processes:
            ended = list(processes.map(lambda _: run("migrate", "up", *where), range(3)))
        assert [process.returncode for process in ended] == [0, 0, 0], [process.stderr for process in ended]
        assert run("migrate", "status", *where).returncode == 0
        found = engine.sql_text("SELECT count(), countIf(name LIKE 'migration\\_lock%') FROM system.tables")
        tables, locks = map(int, found.split())
        assert tables > 50
        assert locks == 0
