"""Undo a request's content encoding, in pieces of bounded size: what is compressed small may be very large."""

import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from spanhouse_web.errors import BadRequest, TooLarge, UnsupportedMedia

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["STREAMS", "Decompressor", "Stream", "decompress", "zstd"]

_PIECE_BYTES = 1024 * 1024
# Behind each member the rest of what was fed is copied: so little that many small members cost no more than large ones.
_STEP_BYTES = 16 * 1024
_MOST_MEMBERS = 10_000
# bz2 and lz4 have no errors of their own.
_DAMAGED = (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, RuntimeError, EOFError)


class Stream(Protocol):
    """The interface that the decompressors of the standard library share: one member of a body."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether it has given all that it could."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was fed behind its end."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return what these bytes add, `max_length` bytes at most."""
        ...


class Decompressor:
    """Takes a body of one or more compressed members, one behind the other, in pieces of any size."""

    def __init__(self, encoding: str, create: Callable[[], Stream], most_members: int | None = None) -> None:
        self.members = 0
        self._encoding = encoding
        self._create = create
        self._most_members = most_members
        self._stream: Stream | None = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes add, in pieces of bounded size.

        Raises `BadRequest` when they are damaged.
        """
        for start in range(0, len(data), _STEP_BYTES):
            yield from self._step(data[start : start + _STEP_BYTES])

    def finish(self) -> None:
        """Raise `BadRequest` when the body ends too early."""
        if self._stream is not None:
            raise BadRequest(f"the {self._encoding} body is cut off")

    def _step(self, data: bytes) -> Iterator[bytes]:
        while data or (self._stream is not None and not self._stream.needs_input):
            stream = self._stream = self._stream or self._next()
            try:
                piece = stream.decompress(data, _PIECE_BYTES)
            except _DAMAGED as error:
                raise BadRequest(f"the body is not {self._encoding}: {error}") from error
            data = b""
            if stream.eof:
                data, self._stream = stream.unused_data, None
            if piece:
                yield piece

    def _next(self) -> Stream:
        if self.members == self._most_members:
            raise BadRequest(f"the compressed body has more than {self._most_members} members")
        self.members += 1
        return self._create()


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the body as it was before `encoding`, the value of Content-Encoding; '' and identity leave it as it is.

    Raises `TooLarge` as soon as it is more than `limit` bytes, `BadRequest` when it is damaged or cut off,
    `UnsupportedMedia` when the encoding is unknown.
    """
    name = _ALIASES.get(encoding.strip().lower(), encoding.strip().lower())
    if not name:
        return body
    if name not in STREAMS:
        raise UnsupportedMedia(f"the content encoding {encoding!r} is not known", f"send {', '.join(STREAMS)}, or none")
    decompressor = Decompressor(name, STREAMS[name], _MOST_MEMBERS)
    pieces: list[bytes] = []
    size = 0
    for piece in decompressor.decode(body):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise TooLarge(f"the request is over {limit} bytes once decompressed", "send smaller batches")
    decompressor.finish()
    if not decompressor.members:
        raise BadRequest(f"the {name} body is cut off")
    return b"".join(pieces)


class _Inflate:
    """zlib with the interface of `Stream`."""

    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)
        self._held = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._inner.decompress(self._held + data, max_length)
        self._held = self._inner.unconsumed_tail
        # With a full piece more may be waiting inside, though all input was taken.
        self.needs_input = not self._held and len(piece) < max_length
        return piece


class _Deflate(_Inflate):
    """HTTP means zlib's format by "deflate"; many clients send the bare stream."""

    def __init__(self) -> None:
        super().__init__(zlib.MAX_WBITS)
        self._begun = False

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data and not self._begun:
            self._begun = True
            # Every zlib stream begins with these four bits, and no encoder begins a bare one with them.
            if data[0] & 0x0F != 8:
                self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        return super().decompress(data, max_length)


STREAMS: dict[str, Callable[[], Stream]] = {
    "gzip": lambda: _Inflate(16 + zlib.MAX_WBITS),
    "deflate": _Deflate,
    # It refuses windows of more than 128 MiB, and touches no more of one than comes out.
    "zstd": zstd.ZstdDecompressor,
}
"""What undoes one member of a body, by its encoding."""
_ALIASES = {"identity": "", "x-gzip": "gzip"}
