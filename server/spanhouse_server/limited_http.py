"""HTTP/1.1 as uvicorn speaks it, with limits on what comes before a request is known.

By itself it takes a head of any size, for any time. Each piece of an unfinished header is copied together with those
before it: a hundred MiB of one, from anybody, kept all other requests waiting for ten seconds.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Half of it for the URL, where statements may stand: httptools takes no longer ones.
_HEAD_BYTES = 128 * 1024
# A header takes so much memory beside its bytes, as HTTP/2 counts it.
_HEADER_BYTES = 32
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class LimitedHttp(HttpToolsProtocol):
    """One connection, which may send about 128 KiB in a row that are no body: a head, trailers, the framing of chunks.

    While no request is being answered, the next one's head must come within `head_deadline_s` of its first byte.
    """

    head_deadline_s = 60.0
    _room = _HEAD_BYTES
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._end_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; refuse what is too large, and begin to wait for what is not whole."""
        self._room -= len(data)
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._room < 0:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        self._room = _HEAD_BYTES
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header or a trailer."""
        self._room -= _HEADER_BYTES
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop waiting: from here on it is the application that says how long the body may take."""
        self._end_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Begin to count anew: it is the application that says how large a body may be."""
        self._room = _HEAD_BYTES
        super().on_body(body)

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.head_deadline_s, self.transport.close)

    def _end_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
