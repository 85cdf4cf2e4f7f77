"""A request that takes more memory than an INSERT may have, in a real engine, costs nobody but itself."""

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
from spanhouse_collector import dead_letter
from spanhouse_schema import Database, Settings, migrate
from tests.collector.loading import Tenant, drained, loading, requests
from tests.collector.spooling import MIB, append, running, trace_request

directory = Path(sys.argv[1])
database = Database.open(Settings.load(data_dir=directory, engine_memory="500MB"))
migrate.upgrade(database)
tenant = Tenant(database, "acme")
immense = ExportTraceServiceRequest.FromString(trace_request(1, "immense"))
# Two bytes each on the wire, a hundred in an INSERT.
attributes = immense.resource_spans[0].scope_spans[0].spans[0].attributes
attributes.extend([KeyValue()] * 4_000_000)
bodies = [*requests(300), immense.SerializeToString(), *requests(300)]

async def load():
    async with running(directory / "spool", segment_bytes=32 * MIB) as spool:
        await asyncio.gather(*(append(spool, tenant.send(body)) for body in bodies))
        async with loading(spool, database):
            await drained(spool)

asyncio.run(load())
[letter] = dead_letter.find_all(directory / "spool")
print(letter.requests, letter.bytes > 8_000_000, sum(tenant.spans().values()), tenant.traces())
database.close()
"""


@pytest.mark.slow
def test_a_request_that_no_memory_suffices_for_is_set_aside_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _LOAD, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert result.stdout.endswith("1 True 1800 1800\n"), result.stderr[-2000:]
