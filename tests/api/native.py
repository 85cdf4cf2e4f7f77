"""Read Native blocks as clickhouse-go does: by the revision that the hello named, strictly, to the last byte."""

import struct
from typing import Any


class Block:
    """The bytes of a reply, read from the front. Raises `AssertionError` and `struct.error` where they are no block."""

    def __init__(self, data: bytes, revision: int) -> None:
        self._data = data
        self._at = 0
        self._revision = revision

    def blocks(self) -> list[dict[str, list[Any]]]:
        """Every block, as its columns by name."""
        found = []
        while self._at < len(self._data):
            found.append(self._block())
        return found

    def _block(self) -> dict[str, list[Any]]:
        if self._revision > 0:
            assert self._take(2) == b"\x01\x00"
            assert self._take(5) == b"\x02\xff\xff\xff\xff"
            assert self._take(1) == b"\x00"
        columns, rows = self._varint(), self._varint()
        return dict(self._column(rows) for _ in range(columns))

    def _column(self, rows: int) -> tuple[str, list[Any]]:
        name, type_ = self._string(), self._string()
        if self._revision >= 54454:
            assert self._take(1) == b"\x00", "no custom serialization"
        if type_ == "LowCardinality(String)" and rows:
            return name, self._low_cardinality()
        return name, [self._value(type_) for _ in range(rows)]

    def _low_cardinality(self) -> list[str]:
        (version, kind, count) = struct.unpack("<QQQ", self._take(24))
        assert version == 1, "keys and indexes, per block"
        keys = [self._string() for _ in range(count)]
        (rows,) = struct.unpack("<Q", self._take(8))
        index = "BHIQ"[kind & 0xFF]
        return [keys[number] for number in struct.unpack(f"<{rows}{index}", self._take(rows * struct.calcsize(index)))]

    def _value(self, type_: str) -> Any:
        if type_ == "String":
            return self._string()
        formats = {"UInt8": "<B", "UInt32": "<I", "UInt64": "<Q", "Int64": "<q", "Float64": "<d"}
        return struct.unpack(formats[type_], self._take(struct.calcsize(formats[type_])))[0]

    def _string(self) -> str:
        return self._take(self._varint()).decode()

    def _varint(self) -> int:
        value = shift = 0
        while True:
            (byte,) = self._take(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        assert len(taken) == count, "the block ends too early"
        self._at += count
        return taken
