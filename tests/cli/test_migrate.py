"""`spanhouse migrate`: the tables up, back, and how they stand."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from spanhouse_schema import Database
from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from tests.cli.conftest import Result
from tests.support.process import Spanhouse, run
from tests.support.stores import dsn

Call = Callable[..., Result]


def test_the_sql_is_printed_without_a_database(call: Call, tmp_path: Path) -> None:
    result = call("migrate", "--sql")
    assert result.code == 0
    assert "CREATE TABLE IF NOT EXISTS spanhouse.otel_traces" in result.out
    assert call("migrate", "up", "--sql", "--data-dir", tmp_path / "data").out == result.out
    assert "DROP" in call("migrate", "down", "base", "--sql", "--data-dir", tmp_path / "data").out
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_the_tables_go_up_and_back_and_status_follows(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--data-dir", str(tmp_path))
    empty = run("migrate", "status", "--json", *where)
    assert (empty.returncode, empty.stdout) == (1, "")
    assert "there is no database" in empty.stderr
    assert run("migrate", "up", *where).returncode == 0
    risen = run("migrate", "status", "--json", *where)
    assert (risen.returncode, json.loads(risen.stdout)["at_head"]) == (0, True)
    monkeypatch.setattr("sys.stdin", StringIO())
    assert call("migrate", "down", "base", *where).code == 1, "it asks, and nobody answers"
    fallen = run("migrate", "down", "base", "--yes", *where)
    assert (fallen.returncode, "base (empty)" in fallen.stdout) == (0, True)


@pytest.mark.slow
def test_status_is_told_beside_a_running_process_and_up_names_it(call: Call, up: Spanhouse) -> None:
    assert call("migrate", "status", "--data-dir", up.data_dir).code == 0
    busy = run("migrate", "up", "--data-dir", str(up.data_dir))
    assert busy.returncode == 1
    assert f"already open in process {up.process.pid}" in busy.stderr


def test_the_embedded_engine_refuses_tenant_users(call: Call, tmp_path: Path) -> None:
    for flags in ((), ("--sql",)):
        refused = call("migrate", "up", "--tenant-users", *flags, "--data-dir", tmp_path / "data")
        assert refused.code == 2
        assert "--tenant-users is for a ClickHouse server" in refused.err
    assert not (tmp_path / "data").exists()


def test_an_engine_behind_its_door_prints_the_sql_of_tenant_users_and_has_none(
    call: Call, up: Spanhouse, database: Database, tmp_path: Path
) -> None:
    control = f"sqlite:///{tmp_path}/control.db"
    with ControlDatabase(control) as made:
        key = KeyStore(made).create("acme", Scope.READ)
    command = ("migrate", "up", "--tenant-users", "--clickhouse", dsn(up), "--control", control)
    printed = call(*command, "--sql")
    assert (printed.code, key.key in printed.out) == (0, False)
    assert f"CREATE USER IF NOT EXISTS `spanhouse_key_{key.id}`" in printed.out
    for statement in printed.out.strip().removesuffix(";").split(";\n\n"):
        database.rows("SELECT formatQuerySingleLine({text:String})", parameters={"text": statement})
    refused = call(*command)
    assert refused.code == 1
    assert "has its users from its configuration only" in refused.err
