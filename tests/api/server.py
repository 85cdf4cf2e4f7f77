"""Run an ASGI application on a free port of loopback, in a thread of this process."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from spanhouse_server.limited_http import LimitedHttp
from tests.support.waiting import until


@contextmanager
def serve(app: ASGIApp, protocol: type[asyncio.Protocol] = LimitedHttp) -> Generator[tuple[str, int]]:
    """Serve it while the block lasts; gives host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, http=protocol, log_level="warning", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until(lambda: server.started)
        host, port = listening.getsockname()
        try:
            yield host, port
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the server did not stop"
