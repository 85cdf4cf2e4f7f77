"""Requests that take more memory than an INSERT may have, in a real engine, cost nobody but themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own, because chDB takes its limit of memory when it opens its one directory.
_LOAD = """
import asyncio, sys
from pathlib import Path
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from decimal import Decimal
from spanhouse_collector.spool import dead_letter
from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migrate
from tests.collector.loading import Tenant, drained, loading, requests
from tests.collector.spooling import MIB, append, running, trace_request

directory = Path(sys.argv[1])
database = Database.open(Settings.load(data_dir=directory), engine_memory=500_000_000)
migrate.upgrade(database)
tenant = Tenant(database, "acme")
immense = ExportTraceServiceRequest.FromString(trace_request(1, "immense"))
# Two bytes each on the wire, hundreds in an INSERT.
attributes = immense.resource_spans[0].scope_spans[0].spans[0].attributes
attributes.extend([KeyValue()] * int(sys.argv[2]))
bodies = [*requests(300), *[immense.SerializeToString()] * int(sys.argv[3]), *requests(300)]

async def load():
    async with running(directory / "spool", segment_bytes=32 * MIB) as spool:
        await asyncio.gather(*(append(spool, tenant.send(body)) for body in bodies))
        async with loading(spool, database):
            await drained(spool)

asyncio.run(load())
letters = dead_letter.find_all(directory / "spool")
print(sum(letter.requests for letter in letters), tenant.spans()["immense"], sum(tenant.spans().values()))
database.close()
"""


def _load(directory: Path, attributes: int, times: int) -> list[int]:
    command = [sys.executable, "-c", _LOAD, str(directory), str(attributes), str(times)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return [int(number) for number in result.stdout.splitlines()[-1].split()]


@pytest.mark.slow
def test_a_request_that_no_memory_suffices_for_is_set_aside_alone(tmp_path: Path) -> None:
    assert _load(tmp_path, attributes=4_000_000, times=1) == [1, 0, 1800]


@pytest.mark.slow
def test_of_many_that_are_too_much_only_together_some_are_set_aside_and_nobody_elses(tmp_path: Path) -> None:
    aside, immense, spans = _load(tmp_path, attributes=300_000, times=8)
    assert aside + immense == 8
    assert immense > 0
    assert spans == 1800 + immense
