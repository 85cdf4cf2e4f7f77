"""A TCP proxy that keeps one answer back: the client never learns that its request was stored."""

import contextlib
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer

_CHUNK_BYTES = 64 * 1024


@contextmanager
def forgetful_proxy(upstream: str, is_stored: Callable[[], bool]) -> Generator[str]:
    """Run a proxy before `upstream`, and give its address; both are `host:port`.

    Once `is_stored`, what the server says next is dropped and the connection cut; later ones are left alone.
    """
    host, _, port = upstream.rpartition(":")
    forgot = threading.Event()
    clients: list[socket.socket] = []

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            clients.append(self.request)
            with socket.create_connection((host, int(port))) as server:
                forth = threading.Thread(target=_copy, args=(self.request, server))
                forth.start()
                with contextlib.suppress(OSError):
                    self._bring_back(server)
                _end(self.request, server)
                forth.join()

        def _bring_back(self, server: socket.socket) -> None:
            while chunk := server.recv(_CHUNK_BYTES):
                if not forgot.is_set() and is_stored():
                    forgot.set()
                    return
                self.request.sendall(chunk)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as proxy:
        serving = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield f"127.0.0.1:{proxy.server_address[1]}"
        finally:
            # A client may keep its connection for later.
            _end(*clients)
            proxy.shutdown()
            serving.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    # Until either side has hung up.
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            target.sendall(chunk)
    _end(target)


def _end(*connections: socket.socket) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
