"""Run a statement over HTTP: on a ClickHouse server, or through the SQL door of the process that holds the data."""

import contextlib
import http.client
import ssl
from collections.abc import Generator, Iterator
from typing import BinaryIO
from urllib.parse import urlencode

from spanhouse.errors import SpanhouseError
from spanhouse_schema.clickhouse.dsn import Server
from spanhouse_server.query.question import Question

_PIECE_BYTES = 64 * 1024
_TIMEOUT_S = 3600.0


def run_remote(dsn: str, question: Question, out: BinaryIO) -> None:
    """Run a statement, and write its result to `out`.

    `dsn` is clickhouse://user:password@host:port/database. Raises `SpanhouseError` with ClickHouse's message.
    """
    server = Server.of(dsn)
    said = {
        "database": "spanhouse",
        **question.url_parameters(),
        **({"query": question.statement.decode()} if question.rows else {}),
    }
    headers = {"X-ClickHouse-User": server.user, "X-ClickHouse-Key": server.password}
    with _connected(server) as connection:
        connection.request("POST", f"/?{urlencode(said)}", question.rows or question.statement, headers)
        out.writelines(_pieces(connection.getresponse()))


@contextlib.contextmanager
def _connected(server: Server) -> Generator[http.client.HTTPConnection]:
    connection = (
        http.client.HTTPSConnection(server.host, server.port, timeout=_TIMEOUT_S, context=server.tls())
        if server.secure
        else http.client.HTTPConnection(server.host, server.port, timeout=_TIMEOUT_S)
    )
    try:
        yield connection
    except http.client.HTTPException as error:
        raise SpanhouseError(f"{connection.host}:{connection.port} broke off its answer: {error!r}") from error
    except ssl.SSLError as error:
        raise SpanhouseError(
            f"no trusted TLS connection to {connection.host}:{connection.port} ({error.reason}): name a file with its "
            "certificate, or its issuer's, in the variable SSL_CERT_FILE"
        ) from error
    except ConnectionError as error:
        raise SpanhouseError(
            f"nothing answers on {connection.host}:{connection.port} ({error.strerror}): name the address of the SQL "
            "door with --sql, or of the server with --clickhouse"
        ) from error
    finally:
        connection.close()


def _pieces(reply: http.client.HTTPResponse) -> Iterator[bytes]:
    if reply.status != 200:
        text = reply.read().decode("utf-8", "replace").strip()
        raise SpanhouseError(text or f"the server answered {reply.status} {reply.reason}")
    mark = f"\r\n__exception__\r\n{reply.headers.get('X-ClickHouse-Exception-Tag', '')}\r\n".encode()
    held = b""
    while piece := reply.read1(_PIECE_BYTES):
        held += piece
        if mark in held:
            result, _, tail = held.partition(mark)
            yield result
            raise SpanhouseError(_message(tail + _rest(reply)))
        # The mark may be cut in two.
        yield held[: -len(mark)]
        held = held[-len(mark) :]
    yield held


def _rest(reply: http.client.HTTPResponse) -> bytes:
    # A result that failed ends without its last chunk.
    try:
        return reply.read()
    except http.client.IncompleteRead as error:
        return error.partial


def _message(tail: bytes) -> str:
    """The error's text, which its length, the tag and the mark follow on two lines."""
    return tail.rsplit(b"\n", 3)[0].decode("utf-8", "replace")
