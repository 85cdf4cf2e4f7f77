"""Send a result as it comes, or an error, the way ClickHouse does over HTTP."""

import asyncio
import json
import re
import secrets
import string
from contextlib import aclosing
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

from starlette.types import Send

from spanhouse.errors import SpanhouseError
from spanhouse_api.sql.encodings import Encoder, Plain
from spanhouse_api.sql.errors import Refused, code_of, message_of, status_of
from spanhouse_api.sql.framing import FrameWriter
from spanhouse_api.sql.running import Execution
from spanhouse_schema.clickhouse.database import Statistics

_HELD_BYTES = 1024 * 1024
_TAIL_BYTES = 16 * 1024
# A query id is the client's to choose, and no header.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TAG_LETTERS = string.ascii_lowercase

Headers = dict[str, str]


class Engine(NamedTuple):
    """What every reply says of the engine behind the door."""

    version: str
    timezone: str
    name: str

    def headers(self, query_id: str) -> Headers:
        """The headers that every reply has."""
        return {
            "x-clickhouse-server-display-name": self.name,
            "x-clickhouse-query-id": query_id,
            "x-clickhouse-timezone": self.timezone,
        }


class Reply:
    """The reply to one statement.

    Its headers are held back until there is a mebibyte of result, or all of it: until then an error can still have a
    status of its own. With `wait` they are held back to the end, and the result with them, in a file. Without
    `counts_reads` its summary says nothing of what was read.
    """

    _held: SpooledTemporaryFile[bytes]

    def __init__(
        self,
        send: Send,
        headers: Headers,
        encoder: Encoder,
        *,
        wait: bool,
        body: bool,
        counts_reads: bool,
        directory: Path,
    ) -> None:
        self._send = send
        self._tag = "".join(secrets.choice(_TAG_LETTERS) for _ in range(16))
        self._headers = {**headers, "x-clickhouse-exception-tag": self._tag}
        self._encoder = encoder
        self._wait = wait
        self._body = body
        self._counts_reads = counts_reads
        self._directory = directory
        self._started = False

    async def stream(self, execution: Execution, version: str) -> None:
        """Send what a statement gives.

        Raises `DatabaseError` or `Refused` while nothing is sent, also when the task is cancelled; an error after that
        stands at the end of the body.
        """
        with SpooledTemporaryFile(_HELD_BYTES, dir=str(self._directory)) as self._held:
            try:
                await self._relay(execution)
            except SpanhouseError as error:
                if not self._started:
                    raise
                await self._break_off(message_of(error, version))
            except asyncio.CancelledError as error:
                if not self._started:
                    raise Refused(236, "ABORTED", "The statement was cancelled: the SQL door closes") from error

    async def _relay(self, execution: Execution) -> None:
        async with aclosing(execution.pieces()) as pieces:
            async for piece in pieces:
                await self._take(piece)
        statistics = await execution.outcome()
        if not self._started:
            await self._start(statistics)
        await self._send_body(self._encoder.finish(), more=False)

    async def _take(self, piece: bytes) -> None:
        if self._started:
            await self._send_encoded(piece)
        elif self._held.tell() + len(piece) <= _HELD_BYTES:
            self._held.write(piece)
        elif self._wait:
            await asyncio.to_thread(self._held.write, piece)
        else:
            self._held.write(piece)
            await self._start(None)

    async def _start(self, statistics: Statistics | None) -> None:
        """Send the headers, and what was held back; the result is complete when there are `statistics`."""
        headers = dict(self._headers)
        if statistics is not None:
            shown = statistics if self._counts_reads else statistics._replace(read_rows=0, read_bytes=0)
            headers["x-clickhouse-summary"] = _summary(shown)
            if isinstance(self._encoder, Plain):
                headers["content-length"] = str(self._held.tell())
        await _send_head(self._send, 200, headers)
        self._started = True
        self._held.seek(0)
        while piece := await self._read_held():
            await self._send_encoded(piece)

    async def _read_held(self) -> bytes:
        # Only what waited to the end may lie on disk.
        return await asyncio.to_thread(self._held.read, _HELD_BYTES) if self._wait else self._held.read(_HELD_BYTES)

    async def _break_off(self, message: str) -> None:
        # The tag, which no data can contain by accident, tells clients that understand it; for the others the body
        # ends without the chunk that says it is complete.
        text = message.encode()[:_TAIL_BYTES]
        tail = b"\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n"
        await self._send_encoded(tail % (self._tag.encode(), text, len(text), self._tag.encode()))
        await self._send_body(self._encoder.finish(), more=True)

    async def _send_encoded(self, piece: bytes) -> None:
        if isinstance(self._encoder, Plain):
            await self._send_body(piece, more=True)
        else:
            await self._send_body(await asyncio.to_thread(self._encoder.encode, piece), more=True)

    async def _send_body(self, data: bytes, *, more: bool) -> None:
        if data or not more:
            await self._send(
                {"type": "http.response.body", "body": data if self._body else b"", "more_body": more},
            )


async def send_text(
    send: Send, text: str, status: int = 200, headers: Headers | None = None, encoder: Encoder | None = None
) -> None:
    """Send a whole reply of plain text, which an `encoder` may pack."""
    encoder = encoder or Plain()
    # What it quotes of a request need not be UTF-8.
    typed = {"content-type": "text/plain; charset=UTF-8", **(headers or {})}
    await send_whole(send, encoder.encode(text.encode(errors="replace")) + encoder.finish(), typed, status)


async def send_whole(send: Send, body: bytes, headers: Headers, status: int = 200) -> None:
    """Send a whole reply."""
    await _send_head(send, status, {"content-length": str(len(body)), **headers})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: SpanhouseError, engine: Engine, query_id: str, *, framed: bool = False) -> None:
    """Send an error as ClickHouse does: its status, its code in a header, its message as text, perhaps `framed`."""
    headers = {**engine.headers(query_id), "x-clickhouse-exception-code": str(code_of(error))}
    if isinstance(error, Refused):
        headers |= error.headers('Basic realm="Spanhouse SQL"')
    await send_text(
        send, message_of(error, engine.version) + "\n", status_of(error), headers, FrameWriter() if framed else Plain()
    )


async def _send_head(send: Send, status: int, headers: Headers) -> None:
    raw = [
        (name.encode("latin-1"), _CONTROL.sub("?", value).encode("latin-1", "replace"))
        for name, value in headers.items()
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})


def _summary(statistics: Statistics) -> str:
    # Numbers are texts in this header, because 64 bits do not fit into JavaScript's.
    return json.dumps({name: str(value) for name, value in (*statistics._asdict().items(), ("total_rows_to_read", 0))})
