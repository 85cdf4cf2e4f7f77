"""Other people's bug reports, and what emitters write, come to what is right; each is a tenant (see README.md)."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spanhouse_collector.otlp.json import requests
from spanhouse_collector.signal import Signal
from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.collector.loading import Tenant, load

CASES = {path.parent.name: json.loads(path.read_text()) for path in sorted(Path(__file__).parent.glob("*/right.json"))}
_OPEN = {name: pytest.mark.xfail(reason=case["open"]) for name, case in CASES.items() if "open" in case}
_TENANT = {"llm_calls": "tenant_id", "agent_actions": "tenant_id"}
_REPLACED = {"agent_executions", "agent_calls"}


@pytest.fixture(scope="module")
def settled(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The database with all cases, sent, loaded and settled."""
    directory = tmp_path_factory.mktemp("field")
    for signal in Signal:
        sent = [Tenant(database, name).send(body) for name in CASES for body in _bodies(name, signal)]
        asyncio.run(load(directory, database, sent, signal))
    settle(database)
    return database


@pytest.mark.parametrize("name", [pytest.param(name, marks=_OPEN.get(name, ())) for name in CASES])
def test_a_bug_report_comes_to_what_is_right(settled: Database, name: str) -> None:
    rows: Mapping[str, list[dict[str, Any]]] = CASES[name]["rows"]
    assert {table: _in_order(_stored(settled, name, table, right)) for table, right in rows.items()} == {
        table: _in_order(right) for table, right in rows.items()
    }


def _bodies(name: str, signal: Signal) -> Iterable[bytes]:
    paths = (Path(__file__).parent / name).glob(f"[0-9]*-{signal.value}.json")
    for path in sorted(paths, key=lambda path: int(path.name.partition("-")[0])):
        yield requests.decode(signal, path.read_bytes()).payload


def _stored(database: Database, tenant: str, table: str, right: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = list(right[0]) if right else ["1"]
    rows = database.rows(
        f"SELECT {', '.join(columns)} FROM spanhouse.{table} {'FINAL' if table in _REPLACED else ''} "
        f"WHERE {_TENANT.get(table, 'TenantId')} = {{tenant:String}}",
        parameters={"tenant": tenant},
    )
    return [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, datetime) else value


def _in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
