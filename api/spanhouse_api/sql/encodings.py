"""HTTP's content encodings, on the way in and out.

What goes in comes out in pieces of bounded size: a small body may be very large once decompressed.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import lz4.frame

from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.framing import FrameReader, FrameWriter
from spanhouse_web.compression import STREAMS, Decompressor, Stream, zstd
from spanhouse_web.errors import BadRequest


class Decoder(Protocol):
    """Takes a body in pieces of any size, and gives back what it stands for."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """What these bytes add, in pieces of bounded size. Raises `Refused` when they are damaged."""
        ...

    def finish(self) -> None:
        """Raise `Refused` when the body ends too early."""
        ...


class Encoder(Protocol):
    """Takes a reply in pieces, and gives back what goes over the wire."""

    def encode(self, data: bytes) -> bytes:
        """What these bytes add; nothing yet, perhaps."""
        ...

    def finish(self) -> bytes:
        """What is left, and the end."""
        ...


def decoder_for(encoding: str, framed: bool) -> Decoder:
    """What undoes a body's Content-Encoding, and then ClickHouse's framing if it is `framed`. Raises `Refused`."""
    name = encoding.strip().lower()
    if name not in _STREAMS and name not in {"", "identity"}:
        known = ", ".join(_STREAMS)
        raise Refused(89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown Content-Encoding {name!r}: send {known}, or none")
    layers: list[Decoder] = [_Content(name)] if name in _STREAMS else []
    return _Chain(layers + [FrameReader()] * framed)


def encoder_for(accepted: str, level: int, framed: bool) -> tuple[str, Encoder]:
    """The Content-Encoding to answer with ('' for none), and what does it; ClickHouse's framing goes inside."""
    offered = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    name = next((name for name in _ENCODERS if name in offered), "")
    outer = _ENCODERS[name](level) if name else Plain()
    return name, _Nested(FrameWriter(), outer) if framed else outer


class _Content:
    """What undoes a Content-Encoding, with the door's words for a body that is damaged."""

    def __init__(self, name: str) -> None:
        self._inner = Decompressor(name, _STREAMS[name])

    def decode(self, data: bytes) -> Iterator[bytes]:
        try:
            yield from self._inner.decode(data)
        except BadRequest as error:
            raise Refused(271, "CANNOT_DECOMPRESS", f"Cannot decompress: {error}") from error

    def finish(self) -> None:
        try:
            self._inner.finish()
        except BadRequest as error:
            raise Refused(33, "CANNOT_READ_ALL_DATA", f"Cannot read all data: {error}") from error


class _Chain:
    """Decoders one behind the other."""

    def __init__(self, layers: list[Decoder]) -> None:
        self._layers = layers

    def decode(self, data: bytes) -> Iterator[bytes]:
        return self._through(iter((data,)), self._layers)

    def finish(self) -> None:
        for layer in self._layers:
            layer.finish()

    def _through(self, pieces: Iterator[bytes], layers: list[Decoder]) -> Iterator[bytes]:
        if not layers:
            return pieces
        first, *others = layers
        return self._through((out for piece in pieces for out in first.decode(piece)), others)


class Plain:
    """A reply that is not compressed."""

    def encode(self, data: bytes) -> bytes:
        """The same."""
        return data

    def finish(self) -> bytes:
        """Nothing is left."""
        return b""


class _Nested:
    """An encoder inside another."""

    def __init__(self, inner: Encoder, outer: Encoder) -> None:
        self._inner = inner
        self._outer = outer

    def encode(self, data: bytes) -> bytes:
        return self._outer.encode(self._inner.encode(data))

    def finish(self) -> bytes:
        return self._outer.encode(self._inner.finish()) + self._outer.finish()


class _Zlib:
    def __init__(self, level: int, window_bits: int) -> None:
        self._inner = zlib.compressobj(level, wbits=window_bits)

    def encode(self, data: bytes) -> bytes:
        return self._inner.compress(data)

    def finish(self) -> bytes:
        return self._inner.flush()


class _Zstd:
    def __init__(self, level: int) -> None:
        self._inner = zstd.ZstdCompressor(level)

    def encode(self, data: bytes) -> bytes:
        return self._inner.compress(data)

    def finish(self) -> bytes:
        return self._inner.flush()


class _Lz4:
    def __init__(self) -> None:
        self._inner = lz4.frame.LZ4FrameCompressor()
        self._head = bytes(self._inner.begin())

    def encode(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._inner.compress(data))

    def finish(self) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._inner.flush())


_GZIP = 16 + zlib.MAX_WBITS

_STREAMS: dict[str, Callable[[], Stream]] = {
    **STREAMS,
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "xz": lzma.LZMADecompressor,
    "bz2": bz2.BZ2Decompressor,
}

# The one that ClickHouse likes best comes first.
_ENCODERS: dict[str, Callable[[int], Encoder]] = {
    "zstd": _Zstd,
    "lz4": lambda _level: _Lz4(),
    "gzip": lambda level: _Zlib(level, _GZIP),
    "deflate": lambda level: _Zlib(level, zlib.MAX_WBITS),
}
