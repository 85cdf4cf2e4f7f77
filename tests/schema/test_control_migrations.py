"""The control database's revisions: on SQLite and PostgreSQL, over keys that are there, side by side, killed."""

import subprocess
import sys
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, make_url, text

from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import Key, KeyStore
from spanhouse_schema.control import migrate
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.control.tables import Table
from tests.support.postgres import new_database
from tests.support.waiting import until

_HERE = Path(__file__).parent
_MADE_BEFORE = _HERE / "installations" / "0012.tar.xz"
_MADE_BEFORE_IN_POSTGRES = """
CREATE TABLE keys (
    id VARCHAR(12) NOT NULL, digest BYTEA NOT NULL, tenant VARCHAR(100) NOT NULL, scope VARCHAR(16) NOT NULL,
    name VARCHAR(200) NOT NULL, created_at TIMESTAMP WITH TIME ZONE NOT NULL, revoked_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id), UNIQUE (digest)
);
INSERT INTO keys VALUES ('0123456789ab', '\\x00', 'acme', 'ingest', '', now(), NULL);
"""


def test_the_newest_revision_is_the_one_that_is_named() -> None:
    with _connected("sqlite://") as connection:
        assert ScriptDirectory.from_config(migrate.config(connection)).get_heads() == [migrate.HEAD]


def test_the_revisions_make_the_tables_as_they_are_described(control_url: str) -> None:
    ControlDatabase(control_url).close()
    assert _differences(control_url) == []


def test_a_database_goes_down_to_nothing_and_up_to_the_same_tables(control_url: str) -> None:
    ControlDatabase(control_url).close()
    made = _definition(control_url)
    with _connected(control_url) as connection:
        command.downgrade(migrate.config(connection), "base")
    assert _definition(control_url)["tables"] == ["alembic_version"]
    ControlDatabase(control_url).close()
    assert _definition(control_url) == made


def test_a_revision_that_changes_a_table_goes_up_down_and_up_with_the_keys_that_are_there(control_url: str) -> None:
    made = _make_keys(control_url)
    for target, name_length in (("next", 300), (migrate.HEAD, 200), ("next", 300), (migrate.HEAD, 200)):
        with _connected(control_url) as connection:
            config = migrate.config(connection)
            config.set_main_option("version_locations", f"{_versions()}:{_HERE / 'control_revisions'}")
            move = command.upgrade if target == "next" else command.downgrade
            move(config, target)
            columns = {column["name"]: column["type"] for column in inspect(connection).get_columns("keys")}
            assert ("note" in columns) == (target == "next")
            assert getattr(columns["name"], "length", None) == name_length
            assert connection.scalar(text("SELECT count(*) FROM keys")) == len(made)
    assert _differences(control_url) == []
    assert _keys(control_url) == made


def test_opening_again_changes_nothing_and_does_without_alembic(control_url: str) -> None:
    assert _make_key(control_url) == "True"
    made = _definition(control_url), _keys(control_url)
    assert _make_key(control_url) == "False"
    assert (_definition(control_url), _keys(control_url)[:1]) == made


def test_a_database_made_before_there_were_revisions_is_taken_with_its_keys(tmp_path: Path) -> None:
    with tarfile.open(_MADE_BEFORE) as archive:
        archive.extract("./control.db", tmp_path, filter="data")
    url = f"sqlite:///{tmp_path}/control.db"
    with ControlDatabase(url, "read") as control:
        before = KeyStore(control).list()
    assert [key.tenant for key in before] == ["acme"]
    ControlDatabase(url).close()
    ControlDatabase(f"sqlite:///{tmp_path}/fresh.db").close()
    assert _keys(url) == before
    assert _definition(url) == _definition(f"sqlite:///{tmp_path}/fresh.db")


def test_a_postgresql_made_before_there_were_revisions_is_taken_with_its_keys(cluster: str) -> None:
    url, fresh = new_database(cluster), new_database(cluster)
    with _connected(url) as connection:
        connection.exec_driver_sql(_MADE_BEFORE_IN_POSTGRES)
    ControlDatabase(url).close()
    ControlDatabase(fresh).close()
    assert [(key.id, key.tenant, key.scope) for key in _keys(url)] == [("0123456789ab", "acme", Scope.INGEST)]
    assert _definition(url) == _definition(fresh)


@pytest.mark.slow
def test_processes_that_begin_at_once_with_an_empty_database_make_it_once(control_url: str) -> None:
    processes = [_started("make_key.py", control_url) for _ in range(4)]
    for process in processes:
        _begin(process)
    ended = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    assert [code for *_, code in ended] == [0] * 4, ended
    assert len(_keys(control_url)) == 4
    assert _differences(control_url) == []


@pytest.mark.slow
def test_on_postgresql_a_process_waits_for_another_that_is_half_way(cluster: str) -> None:
    url = new_database(cluster)
    with _started("make_key.py", url) as second, _started("halted_migration.py", url, "2") as first:
        assert _line(first) == "halted\n"
        _begin(second)
        until(lambda: _waits(cluster, make_url(url).database))
        assert first.communicate(timeout=60) == ("", "")
        assert second.communicate(timeout=60) == ("True\n", "")
    assert (first.returncode, second.returncode, len(_keys(url))) == (0, 0, 1)


@pytest.mark.slow
def test_a_process_that_is_killed_at_any_statement_leaves_a_database_that_the_next_one_opens(tmp_path: Path) -> None:
    for statements in count(1):
        url = f"sqlite:///{tmp_path}/{statements}.db"
        with _started("halted_migration.py", url, str(statements)) as process:
            halted = _line(process) == "halted\n"
            process.kill()
        with _connected(url) as connection:
            assert migrate.revision(connection) == (None if halted else migrate.HEAD)
        ControlDatabase(url).close()
        assert _differences(url) == []
        if not halted:
            break
    assert statements > 3


@contextmanager
def _connected(url: str) -> Generator[Connection]:
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def _waits(cluster: str, database: str | None) -> bool:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND wait_event_type = 'Lock'")
    with _connected(cluster) as connection:
        return bool(connection.scalar(waiting, {"name": database}))


def _differences(url: str) -> list[Any]:
    """What Alembic would change to make the database as the tables are described."""
    with _connected(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, Table.metadata))


def _definition(url: str) -> dict[str, Any]:
    """What the database says of its tables, in full."""
    with _connected(url) as connection:
        inspector = inspect(connection)
        tables = sorted(inspector.get_table_names())
        if connection.dialect.name == "sqlite":
            return {"tables": tables, "sql": connection.execute(text("SELECT sql FROM sqlite_master ORDER BY 1")).all()}
        columns = (
            "SELECT * FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, column_name"
        )
        found = connection.execute(text(columns)).mappings()
        indexes = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"))
        return {
            "tables": tables,
            "columns": [{**row, "table_catalog": "", "udt_catalog": ""} for row in found],
            "indexes": indexes.all(),
        }


def _versions() -> Path:
    return Path(migrate.__file__).parent / "migrations" / "versions"


def _make_keys(url: str) -> list[Key]:
    with ControlDatabase(url) as control:
        store = KeyStore(control)
        revoked, _ = store.create("acme", Scope.READ, "grafana"), store.create("zed", Scope.ADMIN)
        store.revoke(revoked.id)
        return store.list()


def _keys(url: str) -> list[Key]:
    with ControlDatabase(url, "read") as control:
        return KeyStore(control).list()


def _started(program: str, *arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, str(_HERE / program), *arguments]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def _begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("now\n")
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def _make_key(url: str) -> str:
    with _started("make_key.py", url) as process:
        out, err = process.communicate("now\n", timeout=60)
    assert process.returncode == 0, err
    return out.strip()
