"""What a collector consists of, put together over one database and ended in an order that loses nothing."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from socket import socket

import structlog

from spanhouse_collector.discoverer import Discoverer
from spanhouse_collector.load.loader import Loader
from spanhouse_collector.metrics import Metrics
from spanhouse_collector.receive.grpc_server import GrpcServer
from spanhouse_collector.receive.http import create_app
from spanhouse_collector.receive.intake import Intake
from spanhouse_collector.settler import Settler
from spanhouse_collector.spool.spool import Spool
from spanhouse_collector.unread_usage import UnreadUsageGauge
from spanhouse_schema import Database, DatabaseUnavailable
from spanhouse_schema.access.key_ring import KeyRing
from spanhouse_schema.clickhouse import migrate
from spanhouse_schema.settings import CollectorProcess
from spanhouse_server.lifecycle import HttpServer

_DRAIN_S = 20.0
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def pipeline(
    settings: CollectorProcess, database: Database, keys: KeyRing, listening: socket
) -> AsyncGenerator[list[HttpServer]]:
    """Take OTLP in, over HTTP on the socket `listening` and over gRPC, and load it; gives the servers that run.

    At the end it stops accepting, answers what is in flight, and loads what is spooled, for twenty seconds at most:
    what is left then stays in the spool, and is loaded at the next start.
    """
    metrics = Metrics()
    spool = Spool(settings.data_dir / "spool", limit_bytes=settings.spool_limit)
    settler = Settler(database, metrics)
    discoverer = Discoverer(database, metrics)
    unread_usage = UnreadUsageGauge(database, metrics)
    loader = Loader(spool, database, metrics, settler.nudge)
    intake = Intake(spool, keys, settings, metrics)
    app = create_app(intake, Readiness(database, spool).check, settings, metrics)
    http = HttpServer(app, listening, tls_cert=settings.tls_cert, tls_key=settings.tls_key)
    grpc = GrpcServer(intake, settings)
    async with AsyncExitStack() as stack:
        await spool.start()
        stack.push_async_callback(spool.stop)
        await settler.start()
        stack.push_async_callback(settler.stop)
        await discoverer.start()
        stack.push_async_callback(discoverer.stop)
        await unread_usage.start()
        stack.push_async_callback(unread_usage.stop)
        await loader.start()
        stack.push_async_callback(loader.stop)
        stack.push_async_callback(_drain, spool, loader)
        stack.push_async_callback(_stop_accepting, http, grpc)
        await grpc.start()
        await http.start()
        yield [http]


async def _stop_accepting(http: HttpServer, grpc: GrpcServer) -> None:
    await asyncio.gather(http.stop(), grpc.stop())


async def _drain(spool: Spool, loader: Loader) -> None:
    deadline = time.monotonic() + _DRAIN_S
    while spool.bytes and time.monotonic() < deadline and not loader.problems:  # noqa: ASYNC110  # nobody sets an event
        await asyncio.sleep(0.05)
    if spool.bytes:
        _log.info("the rest stays in the spool and is loaded at the next start", bytes=spool.bytes)


class Readiness:
    """Whether requests can be taken and loaded now: database, its tables, spool."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self._database = database
        self._spool = spool
        self._migrated = False

    def check(self) -> None:
        """Raise what is in the way, a `SpanhouseError`; return when nothing is."""
        self._spool.check()
        self._database.command("SELECT 1")
        if not self._migrated:
            stands = migrate.status(self._database)
            if not stands.at_head:
                raise DatabaseUnavailable(
                    f"the database is at revision {stands.current}, not {stands.head}: run `spanhouse migrate up`"
                )
            self._migrated = True
