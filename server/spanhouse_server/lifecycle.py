"""Serve several things in one event loop, and end them in order when the process is told to stop."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from spanhouse.errors import SpanhouseError
from spanhouse_schema.settings import address
from spanhouse_server.limited_http import LimitedHttp

_told_to_stop: ContextVar[asyncio.Event] = ContextVar("told to stop")

_GRACE_S = 10
# SDKs send spans every 5 seconds and metrics every 60: a connection closed sooner is closed as they send.
_KEEP_ALIVE_S = 75
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_BACKLOG = 2048


class AddressInUse(SpanhouseError):
    """An address cannot be listened on; the message names its flag."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end in uvloop's event loop; `until_stopped` in it hears of SIGTERM and SIGINT.

    A second signal ends the process at once, with exit code 1.
    """
    told = asyncio.Event()
    _told_to_stop.set(told)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        # From here on: one that came while things still start must not leave them half open.
        for number in (signal.SIGTERM, signal.SIGINT):
            runner.get_loop().add_signal_handler(number, _hear, told)
        runner.run(main)


async def until_stopped(servers: "list[HttpServer]") -> None:
    """Wait until the process is told to stop. Raises `SpanhouseError` when a server ends by itself before."""
    _spare_the_collector()
    told = asyncio.create_task(_told_to_stop.get().wait())
    ended = [asyncio.create_task(server.ended()) for server in servers]
    done, pending = await asyncio.wait([told, *ended], return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    if told not in done:
        raise SpanhouseError("a server ended by itself; its error is in the log above")


def _spare_the_collector() -> None:
    """Have Python's cyclic garbage collector pass over what start-up made, and look less often at the rest.

    A JSON request is thousands of objects and no cycle: looking for one was a quarter of its receiver's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)


def _hear(told: asyncio.Event) -> None:
    if told.is_set():
        sys.stderr.write("stopped at once; what was acknowledged is in the spool, and loaded at the next start\n")
        # The engine's own threads would otherwise keep the interpreter waiting.
        os._exit(1)
    told.set()


class HttpServer:
    """An ASGI application on one address, in the running event loop."""

    def __init__(
        self, app: Any, listening: socket.socket, *, tls_cert: Path | None = None, tls_key: Path | None = None
    ) -> None:
        config = uvicorn.Config(
            app,
            http=LimitedHttp,
            log_config=None,
            access_log=False,
            server_header=False,
            # Whoever connects is who connects: nothing here is decided by a header of a proxy.
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=_KEEP_ALIVE_S,
            ssl_certfile=tls_cert,
            ssl_keyfile=tls_key,
        )
        self._socket = listening
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to answer. Raises `SpanhouseError` when the application does not start."""
        try:
            self._server.config.load()
        except OSError as error:
            raise SpanhouseError(
                f"TLS cannot start: {error}; check SPANHOUSE_TLS_CERT and SPANHOUSE_TLS_KEY"
            ) from error
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
                raise SpanhouseError("a server did not start; its error is in the log above")
            await asyncio.sleep(0.01)

    async def ended(self) -> None:
        """Wait until it has ended, by itself or because it was told to."""
        if self._serving is not None:
            await asyncio.wait([self._serving])

    async def stop(self) -> None:
        """Accept nothing more, and return when what is in flight has been answered, or after ten seconds."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has one place that decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def listen(setting: str, value: str) -> socket.socket:
    """Open a listening socket on the address `value` of a setting. Raises `AddressInUse`.

    Before anything else is opened: a port that is taken costs no work and no data directory.
    """
    host, port = address(value)
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(target)
        listening.listen(_BACKLOG)
    except OSError as error:
        raise AddressInUse(
            f"cannot listen on {value}: {error.strerror or error}; is another Spanhouse running? "
            f"`spanhouse doctor` tells; choose another address with --{setting.replace('_', '-')}"
        ) from error
    listening.setblocking(False)
    return listening


def bound(listening: socket.socket) -> str:
    """Where a socket listens, as `host:port`; an IPv6 host in brackets."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
