"""The engine in another process is killed and comes back: what was acknowledged meanwhile is stored once."""

import asyncio
from pathlib import Path

import pytest

from spanhouse_collector.spool.spool import Spool
from tests.collector.loading import Tenant, drained, loading
from tests.collector.spooling import append, running, trace_request
from tests.support.process import Spanhouse
from tests.support.stores import dsn, served

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

_ROUNDS = 3


async def test_an_engine_that_is_killed_again_and_again_stores_each_request_once(tmp_path: Path) -> None:
    engine = await asyncio.to_thread(Spanhouse.start, "engine", data_dir=tmp_path / "engine")
    try:
        with served(dsn(engine), tmp_path / "client") as database:
            tenant = Tenant(database, "acme")
            async with running(tmp_path / "spool") as spool, loading(spool, database):
                ending = asyncio.Event()
                sending = asyncio.create_task(_send(spool, tenant, ending))
                for _ in range(_ROUNDS):
                    await asyncio.sleep(1)
                    engine.kill()
                    await asyncio.sleep(1)
                    engine = await asyncio.to_thread(
                        Spanhouse.start, "engine", data_dir=engine.data_dir, ports=engine.ports
                    )
                ending.set()
                acknowledged = await sending
                await drained(spool)
            assert len(acknowledged) > _ROUNDS * 20
            assert tenant.spans() == dict.fromkeys(acknowledged, 3)
            assert tenant.traces() == 3 * len(acknowledged)
            assert tenant.refusals() == len(acknowledged)
    finally:
        await asyncio.to_thread(engine.stop)


async def _send(spool: Spool, tenant: Tenant, ending: asyncio.Event) -> list[str]:
    """Send request after request until `ending`; the names of those that were acknowledged, which is each."""
    names: list[str] = []
    while not ending.is_set():
        names.append(str(len(names)))
        assert await append(spool, tenant.send(trace_request(3, names[-1])))
        await asyncio.sleep(0.01)
    return names
