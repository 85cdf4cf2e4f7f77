"""Undo a request's content encoding, never past the limit: what is compressed small may be very large."""

import zlib
from collections.abc import Callable
from typing import Protocol

import zstandard

from spanhouse_collector.errors import BadRequest, TooLarge, UnsupportedMedia

ACCEPTED = "gzip, deflate, zstd"
"""The encodings that `decompress` knows, as the header Accept-Encoding names them."""

# So little is fed at a time that what comes out stays near the limit: zlib reaches 1:1,000, zstd 1:32,000.
_ZLIB_STEP_BYTES = 16 * 1024
_ZSTD_STEP_BYTES = 512
# What every decoder ought to keep of a frame to refer back to (RFC 8878), however small the limit; and a frame's head.
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
_ZSTD_HEAD_BYTES = 18
_MOST_MEMBERS = 10_000


class _Stream(Protocol):
    """What zlib and zstandard have in common: one member of a body is decompressed bit by bit."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the body as it was before `encoding`, the value of Content-Encoding; '' and identity leave it as it is.

    Raises `TooLarge` as soon as it is more than `limit` bytes, `BadRequest` when it is damaged or cut off,
    `UnsupportedMedia` when the encoding is unknown.
    """
    unpack = _ENCODINGS.get(encoding.strip().lower())
    if unpack is None:
        raise UnsupportedMedia(f"the content encoding {encoding!r} is not known: send {ACCEPTED}, or none")
    try:
        return unpack(body, limit)
    except (zlib.error, zstandard.ZstdError) as error:
        raise BadRequest(f"the body is not {encoding}: {error}") from error


def _gzip(body: bytes, limit: int) -> bytes:
    return _members(body, limit, lambda _: zlib.decompressobj(16 + zlib.MAX_WBITS), _ZLIB_STEP_BYTES)


def _deflate(body: bytes, limit: int) -> bytes:
    # HTTP means zlib's format by "deflate"; many clients send the bare stream.
    try:
        return _members(body, limit, lambda _: zlib.decompressobj(zlib.MAX_WBITS), _ZLIB_STEP_BYTES)
    except zlib.error:
        return _members(body, limit, lambda _: zlib.decompressobj(-zlib.MAX_WBITS), _ZLIB_STEP_BYTES)


def _zstd(body: bytes, limit: int) -> bytes:
    window = max(limit, _ZSTD_WINDOW_BYTES)
    decompressor = zstandard.ZstdDecompressor(max_window_size=window)

    def frame(at: int) -> _Stream:
        needed = zstandard.get_frame_parameters(body[at : at + _ZSTD_HEAD_BYTES]).window_size
        if needed > window:
            raise TooLarge(f"the request takes {needed} bytes to be decompressed, over {window}: send smaller batches")
        return decompressor.decompressobj()

    return _members(body, limit, frame, _ZSTD_STEP_BYTES)


def _members(body: bytes, limit: int, member: Callable[[int], _Stream], step: int) -> bytes:
    """Decompress a body of one member or several, each made by where it begins, fed `step` bytes at a time."""
    parts: list[bytes] = []
    size = at = 0
    for _ in range(_MOST_MEMBERS):
        stream = member(at)
        while not stream.eof:
            chunk = body[at : at + step]
            if not chunk:
                raise BadRequest("the compressed body is cut off")
            parts.append(stream.decompress(chunk))
            size += len(parts[-1])
            if size > limit:
                raise TooLarge(f"the request is over {limit} bytes once decompressed: send smaller batches")
            at += len(chunk) - len(stream.unused_data)
        if at == len(body):
            return b"".join(parts)
    raise BadRequest(f"the compressed body has more than {_MOST_MEMBERS} members")


def _identity(body: bytes, _limit: int) -> bytes:
    return body


_ENCODINGS: dict[str, Callable[[bytes, int], bytes]] = {
    "": _identity,
    "identity": _identity,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
