"""Executions in a running `spanhouse up`: as the oracle derives them, whatever happens, each tenant its own."""

import random
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_schema import Database, Settings
from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from tests.reference import Row
from tests.support.corpus import parse, recordings, span_by_span
from tests.support.corpus_spans import recorded
from tests.support.expected_executions import assert_settled, expected, stored_calls, stored_executions
from tests.support.insert_rows import insert
from tests.support.process import Spanhouse
from tests.support.stores import dsn, served
from tests.support.waiting import until

pytestmark = pytest.mark.slow

# Two instrumentations of each call; sub-agents; a trace that comes in fifteen requests.
SENT = {"acme": ("agno-oi-plus-openai", "adk"), "rival": ("langchain-openinference-split", "strands")}
RELATIONS = {"agent_executions": "TenantId", "llm_calls": "tenant_id", "agent_actions": "tenant_id"}


class Up(NamedTuple):
    """A running `spanhouse up` that has got all of `SENT`, its database, and a key for each tenant."""

    process: Spanhouse
    database: Database
    keys: dict[str, str]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Generator[Up]:
    """Everything was sent in small requests, in no order, and more than once; it was killed on the way."""
    directory = tmp_path_factory.mktemp("executions")
    control = ControlDatabase.open(Settings.load(data_dir=directory / "data"))
    keys = {tenant: KeyStore(control).create(tenant, Scope.WRITE).key for tenant in (*SENT, "soon")}
    control.close()
    requests = [(keys[tenant], body) for tenant in SENT for body in _small_requests(tenant)]
    chance = random.Random(4)
    chance.shuffle(requests)
    process = Spanhouse.start("up", data_dir=directory / "data")
    _send(process, requests[: len(requests) // 2])
    process.kill()
    chance.shuffle(requests)
    with Spanhouse.start("up", data_dir=process.data_dir) as again:
        _send(again, requests)
        with served(dsn(again), directory / "client") as database:
            yield Up(again, database, keys)


@pytest.mark.parametrize("tenant", SENT)
def test_executions_are_what_the_oracle_derives_after_a_kill_and_repeats(up: Up, tenant: str) -> None:
    executions, calls = expected(_rows(tenant))
    until(lambda: stored_executions(up.database, tenant) == executions, timeout_s=30)
    until(lambda: stored_calls(up.database, tenant) == calls, timeout_s=30)
    assert_settled(up.database, tenant, _rows(tenant))


def test_an_acknowledged_span_is_soon_an_execution(up: Up) -> None:
    agent = {"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}}
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "invoke_agent soon", "attributes": [agent]}
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    headers = {"Authorization": f"Bearer {up.keys['soon']}"}
    assert httpx.post(f"{up.process.http}/v1/traces", json=request, headers=headers, timeout=60).status_code == 200
    until(lambda: ("ab" * 16, "cd" * 8) in stored_executions(up.database, "soon"))


def test_what_another_collector_inserts_is_settled_without_its_asking(up: Up, tmp_path: Path) -> None:
    rows = recorded()["crewai-oi-plus-openai"]
    insert(up.database, {"elsewhere": rows}, tmp_path)
    executions, _ = expected(rows)
    until(lambda: stored_executions(up.database, "elsewhere") == executions, timeout_s=90)
    assert_settled(up.database, "elsewhere", rows)


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("tenant", SENT)
def test_a_tenant_reads_its_own_and_nobody_elses(up: Up, tenant: str, relation: str) -> None:
    until(lambda: stored_executions(up.database, tenant))
    answer = httpx.post(
        up.process.sql,
        content=f"SELECT DISTINCT {RELATIONS[relation]} FROM {relation}",
        params={"database": "spanhouse"},
        headers={"Authorization": f"Bearer {up.keys[tenant]}"},
        timeout=60,
    )
    assert (answer.status_code, answer.text.strip()) == (200, tenant)


def test_what_was_inserted_before_a_kill_is_settled_at_the_next_start(tmp_path: Path) -> None:
    rows = recorded()["strands"]
    executions, _ = expected(rows)
    process = Spanhouse.start("up", data_dir=tmp_path / "data")
    with served(dsn(process), tmp_path / "client") as database:
        insert(database, {"default": rows}, tmp_path)
    process.kill()
    with (
        Spanhouse.start("up", data_dir=process.data_dir) as again,
        served(dsn(again), tmp_path / "client") as database,
    ):
        until(lambda: stored_executions(database, "default") == executions, timeout_s=30)
        assert_settled(database, "default", rows)
        again.assert_audited()


def test_every_number_is_what_it_comes_to(up: Up) -> None:
    up.process.assert_audited()


def _rows(tenant: str) -> list[Row]:
    return [row for name in SENT[tenant] for row in recorded()[name]]


def _send(process: Spanhouse, requests: list[tuple[str, bytes]]) -> None:
    with httpx.Client(timeout=60, headers={"Content-Type": "application/x-protobuf"}) as client:
        for key, body in requests:
            answer = client.post(f"{process.http}/v1/traces", content=body, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200, answer.text


def _small_requests(tenant: str) -> Iterator[bytes]:
    """A request for each span of what the tenant sends."""
    for recording in recordings("traces"):
        if recording.name.partition("/")[0] in SENT[tenant]:
            request = parse(recording)
            assert isinstance(request, ExportTraceServiceRequest)
            yield from span_by_span(request)
