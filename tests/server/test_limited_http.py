"""What one connection may cost everybody else: heads, trailers and framing of any size, and bytes that never come."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from starlette.types import Receive, Scope, Send

from spanhouse_server.limited_http import LimitedHttp
from tests.api.server import serve
from tests.support.waiting import until

KIB = 1024
_POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
_CHUNKED = _POST + b"transfer-encoding: chunked\r\n\r\n"


class Impatient(LimitedHttp):
    """A connection that waits for a head no longer than a test should take."""

    head_deadline_s = 0.3


class App:
    """Answers with how many bytes of body came; at `/early` before they have come, at `/late` not before it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] != "lifespan"
        size, more = 0, scope["path"] != "/early"
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            size += len(event["body"])
            more = event["more_body"]
        if scope["path"] == "/late":
            await asyncio.to_thread(self.may_answer.wait)
        text = b"%d bytes" % size
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
        await send({"type": "http.response.body", "body": text})


class Server:
    """A server to connect to, and what it serves."""

    def __init__(self, app: App, address: tuple[str, int]) -> None:
        self.app = app
        self._address = address

    @contextmanager
    def connected(self, *sent: bytes) -> Generator[socket.socket]:
        """A connection on which this has been sent, as far as the server took it."""
        with socket.create_connection(self._address, timeout=20) as connection:
            try:
                for part in sent:
                    connection.sendall(part)
            except ConnectionError:
                pass
            yield connection

    def wait_past_the_deadline(self) -> None:
        """Return when a connection that says nothing, made just now, has been hung up on."""
        with self.connected() as silent:
            assert rest_of(silent) == b""


@pytest.fixture
def server() -> Generator[Server]:
    """A server that waits as long as ours do."""
    app = App()
    with serve(app) as address:
        yield Server(app, address)


@pytest.fixture
def impatient() -> Generator[Server]:
    """A server that does not wait for long."""
    app = App()
    with serve(app, Impatient) as address:
        yield Server(app, address)
        app.may_answer.set()


def answer(connection: socket.socket) -> bytes:
    """The body of the next answer, which is a 200."""
    received = b""
    while b" bytes" not in received:
        received += (more := connection.recv(1000))
        assert more, received
    assert received.startswith(b"HTTP/1.1 200 ")
    return received.partition(b"\r\n\r\n")[2]


def rest_of(connection: socket.socket) -> bytes:
    """All that comes before the server hangs up; of what it says to a client that sends on, nothing may arrive."""
    received = b""
    try:
        while more := connection.recv(1000):
            received += more
    except ConnectionError:
        pass
    return received


# Sizes.

_PIECE = b"x" * 64 * KIB
_TOO_MUCH = {
    "a header": (_POST + b"x: ", *[_PIECE] * 64),
    "a URL": (b"POST /", *[_PIECE] * 64),
    "a method": (b"X" * 64 * KIB,),
    "many headers": (_POST, *[b"x: y\r\n" * 10_000] * 64),
    "line ends before a request": (*[b"\r\n" * 32 * KIB] * 64,),
    "a trailer": (_CHUNKED + b"5\r\nhello\r\n0\r\nx: ", *[_PIECE] * 64),
    "many trailers": (_CHUNKED + b"5\r\nhello\r\n0\r\n", *[b"x: y\r\n" * 10_000] * 64),
    "an extension of a chunk": (_CHUNKED + b"5; x=", *[_PIECE] * 64),
    "a head behind a request": (_POST + b"content-length: 5\r\n\r\nhello" + _POST + b"x: ", *[_PIECE] * 64),
}


@pytest.mark.parametrize("what", _TOO_MUCH)
def test_a_client_that_sends_too_much_of_what_is_no_body_is_hung_up_on_and_costs_nobody_else(
    server: Server, what: str
) -> None:
    with server.connected(_POST) as other:
        with server.connected(*_TOO_MUCH[what]) as connection:
            said = rest_of(connection)
        assert b" 500 " not in said
        other.sendall(b"content-length: 5\r\n\r\nhello")
        assert answer(other) == b"5 bytes"


def test_a_client_is_told_that_its_head_is_too_large(server: Server) -> None:
    with server.connected(*_TOO_MUCH["a header"]) as connection:
        assert rest_of(connection).startswith(b"HTTP/1.1 431 ")


def test_a_head_may_have_a_url_and_headers_of_sixty_kibibytes_each(server: Server) -> None:
    padding = b"x" * 60 * KIB
    with server.connected(
        b"GET /?query=" + padding + b" HTTP/1.1\r\nhost: x\r\nx: ", padding, b"\r\n\r\n"
    ) as connection:
        assert answer(connection) == b"0 bytes"


def test_a_body_may_be_of_any_size_however_it_is_chunked(server: Server) -> None:
    tiny = b"1\r\nx\r\n" * 64 * KIB
    large = b"%x\r\n%b\r\n" % (4096 * KIB, bytes(4096 * KIB))
    with server.connected(_CHUNKED, *[tiny] * 8, large, b"0\r\n\r\n") as connection:
        assert answer(connection) == b"%d bytes" % (8 * 64 * KIB + 4096 * KIB)


def test_what_one_request_takes_is_not_charged_to_the_next(server: Server) -> None:
    request = b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"x" * 100 * KIB + b"\r\n\r\n"
    with server.connected() as connection:
        for _ in range(5):
            connection.sendall(request)
            assert answer(connection) == b"0 bytes"


# Times.

_WHOLE = _POST + b"content-length: 5\r\n\r\nhello"
_STALLED = {"half a method": b"PO", "half a head": _POST + b"x: y\r\nz", "a line end": b"\r\n"}


def test_a_client_that_never_says_anything_is_hung_up_on(impatient: Server) -> None:
    with impatient.connected() as connection:
        assert rest_of(connection) == b""


@pytest.mark.parametrize("what", _STALLED)
def test_a_head_that_does_not_come_is_not_waited_for(impatient: Server, what: str) -> None:
    with impatient.connected(_STALLED[what]) as first, impatient.connected(_WHOLE) as second:
        assert answer(second) == b"5 bytes"
        second.sendall(_STALLED[what])
        assert rest_of(first) == rest_of(second) == b""


def test_a_head_that_comes_byte_by_byte_is_not_waited_for_longer(impatient: Server) -> None:
    with impatient.connected(_POST + b"x: ") as connection:
        connection.settimeout(0.02)
        until(lambda: hung_up_on_for(b"y", connection))


def hung_up_on_for(more: bytes, connection: socket.socket) -> bool:
    """Send this, and say whether the server has hung up."""
    try:
        connection.sendall(more)
        return not connection.recv(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_body_that_nobody_reads_any_more_is_not_waited_for(impatient: Server) -> None:
    with impatient.connected(b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n") as connection:
        assert answer(connection) == b"0 bytes"
        connection.sendall(b"h")
        assert rest_of(connection) == b""


def test_a_body_may_take_as_long_as_the_application_waits(impatient: Server) -> None:
    with impatient.connected(_POST + b"content-length: 5\r\n\r\nhe") as connection:
        impatient.wait_past_the_deadline()
        connection.sendall(b"llo")
        assert answer(connection) == b"5 bytes"


def test_a_client_that_waits_for_its_answer_is_not_hung_up_on(impatient: Server) -> None:
    late = b"POST /late HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
    with impatient.connected(late + _POST) as connection:
        impatient.wait_past_the_deadline()
        impatient.app.may_answer.set()
        assert answer(connection) == b"0 bytes"
        connection.sendall(b"content-length: 5\r\n\r\nhello")
        assert answer(connection) == b"5 bytes"
