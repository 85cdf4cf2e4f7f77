"""ClickHouse's own compressed framing, which the URL parameters `compress` and `decompress` ask for.

A frame is a checksum of 16 bytes (CityHash128 of the rest), a byte for the method, two sizes of 4 bytes (of the frame
without its checksum, and of what is in it), and the compressed bytes.
"""

from collections.abc import Iterator
from struct import Struct

import lz4.block
from clickhouse_cityhash.cityhash import CityHash128

from spanhouse_api.sql.errors import Refused
from spanhouse_web.compression import zstd

_CHECKSUM = Struct("<QQ")
_HEADER = Struct("<BII")
_NONE, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_MOST_BYTES = 128 * 1024 * 1024
_FRAME_BYTES = 1024 * 1024


class FrameReader:
    """Takes frames apart. Checksums are not compared: TCP has its own, and damage shows in the sizes."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def decode(self, data: bytes) -> Iterator[bytes]:
        """What is in the frames that these bytes complete. Raises `Refused`."""
        self._pending += data
        while len(self._pending) >= _CHECKSUM.size + _HEADER.size:
            method, size, raw_size = _HEADER.unpack_from(self._pending, _CHECKSUM.size)
            if max(size, raw_size) > _MOST_BYTES or size < _HEADER.size:
                raise Refused(39, "TOO_LARGE_SIZE_COMPRESSED", f"Too large size of a compressed block: {size}")
            end = _CHECKSUM.size + size
            if len(self._pending) < end:
                return
            packed = bytes(self._pending[_CHECKSUM.size + _HEADER.size : end])
            del self._pending[:end]
            yield _unpack(method, packed, raw_size)

    def finish(self) -> None:
        """Raise `Refused` when the last frame is cut off."""
        if self._pending:
            raise Refused(33, "CANNOT_READ_ALL_DATA", "Cannot read all data: the last compressed block is cut off")


class FrameWriter:
    """Packs a reply into frames, with LZ4."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def encode(self, data: bytes) -> bytes:
        """The frames that are full now."""
        self._pending += data
        frames = []
        while len(self._pending) >= _FRAME_BYTES:
            frames.append(_frame(bytes(self._pending[:_FRAME_BYTES])))
            del self._pending[:_FRAME_BYTES]
        return b"".join(frames)

    def finish(self) -> bytes:
        """The last frame, if anything is left for it."""
        return _frame(bytes(self._pending)) if self._pending else b""


def checksum(data: bytes) -> bytes:
    """Return the CityHash128 (version 1.0.2) of `data`, as it stands in front of a frame."""
    # The library gives both words as one number, the first one above the second.
    return _CHECKSUM.pack(*divmod(CityHash128(data), 1 << 64))


def _unpack(method: int, packed: bytes, raw_size: int) -> bytes:
    if method not in {_NONE, _LZ4, _ZSTD}:
        raise Refused(89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method 0x{method:02x}: send LZ4 or ZSTD")
    try:
        data = _unpacked(method, packed, raw_size)
    except (lz4.block.LZ4BlockError, ValueError, zstd.ZstdError) as error:
        raise Refused(271, "CANNOT_DECOMPRESS", f"Cannot decompress: {error}") from error
    if len(data) != raw_size:
        raise Refused(271, "CANNOT_DECOMPRESS", f"Cannot decompress: {len(data)} bytes where {raw_size} were announced")
    return data


def _unpacked(method: int, packed: bytes, raw_size: int) -> bytes:
    if method == _LZ4:
        return bytes(lz4.block.decompress(packed, uncompressed_size=raw_size))
    if method == _ZSTD:
        # One byte more than announced: enough to see that it is more.
        return zstd.ZstdDecompressor().decompress(packed, raw_size + 1)
    return packed


def _frame(data: bytes) -> bytes:
    packed = bytes(lz4.block.compress(data, store_size=False))
    body = _HEADER.pack(_LZ4, _HEADER.size + len(packed), len(data)) + packed
    return checksum(body) + body
