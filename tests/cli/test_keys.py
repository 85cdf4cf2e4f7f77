"""`spanhouse keys`, alone and beside a running `spanhouse up`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Result
from tests.cli.otlp import send, trace
from tests.support.process import Spanhouse, run
from tests.support.waiting import until

Call = Callable[..., Result]


def test_a_key_is_made_listed_and_revoked(call: Call, tmp_path: Path) -> None:
    made = _json(call, tmp_path, "create", "--tenant", "acme", "--scope", "ingest", "--name", "agents")
    assert made["key"].startswith("sh_ingest_")
    assert (made["tenant"], made["scope"]) == ("acme", "ingest")
    (listed,) = _json(call, tmp_path, "list")
    assert (listed["id"], listed["name"], listed["revoked_at"]) == (made["id"], "agents", None)
    assert made["key"] not in json.dumps(listed)
    assert _json(call, tmp_path, "revoke", made["id"])["revoked_at"] is not None


def test_the_list_is_readable_without_json(call: Call, tmp_path: Path) -> None:
    made = call("keys", "create", "--tenant", "acme", "--scope", "read", "--data-dir", tmp_path)
    assert made.out.startswith("sh_read_")
    heading, row = call("keys", "list", "--data-dir", tmp_path).out.splitlines()
    assert heading.split()[:4] == ["ID", "TENANT", "SCOPE", "NAME"]
    assert row.split()[1:3] == ["acme", "read"]
    assert f"Key {row.split()[0]} for tenant acme" in made.out


@pytest.mark.parametrize("command", [("list",), ("list", "--json"), ("revoke", "0123456789ab")])
def test_where_nothing_is_the_commands_that_make_it_are_named_and_nothing_is_made(
    call: Call, tmp_path: Path, command: tuple[str, ...]
) -> None:
    result = call("keys", *command, "--data-dir", tmp_path / "data")
    assert (result.code, result.out) == (1, "")
    assert "`spanhouse keys create` makes it with the first key" in result.err
    assert list(tmp_path.iterdir()) == []


def test_the_first_key_makes_the_control_database_and_nothing_else(call: Call, tmp_path: Path) -> None:
    _json(call, tmp_path / "data", "create", "--tenant", "acme", "--scope", "read")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["control.db"]


@pytest.mark.slow
def test_a_key_counts_soon_after_it_was_made_or_revoked(tmp_path: Path) -> None:
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        assert send(up.http, "before any key") == 200
        made = _keys(up.data_dir, "create", "--tenant", "acme", "--scope", "ingest")
        until(lambda: _answer(up) == 401)
        assert send(up.http, "with a key", key=made["key"]) == 200
        assert _bearer(up, made["key"]) == 200
        reader = _keys(up.data_dir, "create", "--tenant", "acme", "--scope", "read")
        until(lambda: _answer(up, reader["key"]) == 403)
        _keys(up.data_dir, "revoke", made["id"])
        until(lambda: _answer(up, made["key"]) == 401)
        tenants = "SELECT SpanName, TenantId FROM otel_traces ORDER BY SpanName FORMAT TSV"
        until(lambda: up.sql_text(tenants) == "before any key\tdefault\nwith a bearer\tacme\nwith a key\tacme")


def _json(call: Call, data_dir: Path, *arguments: str) -> Any:
    result = call("keys", *arguments, "--json", "--data-dir", data_dir)
    assert result.code == 0, result.err
    return json.loads(result.out)


def _keys(data_dir: Path, *arguments: str) -> Any:
    result = run("keys", *arguments, "--json", "--data-dir", str(data_dir))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def _bearer(up: Spanhouse, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{up.http}/v1/traces", json=trace("with a bearer"), headers=headers, timeout=10).status_code


def _answer(up: Spanhouse, key: str = "") -> int:
    # Empty, so that asking leaves no rows behind.
    headers = {"x-api-key": key} if key else {}
    return httpx.post(f"{up.http}/v1/traces", json={}, headers=headers, timeout=10).status_code
