"""Read Native blocks as clickhouse-go does: by the revision that the hello named, strictly, to the last byte."""

import struct
from itertools import pairwise
from typing import Any

_NUMBERS = {
    "UInt8": "B",
    "UInt16": "H",
    "UInt32": "I",
    "UInt64": "Q",
    "Int8": "b",
    "Int16": "h",
    "Int32": "i",
    "Int64": "q",
    "Float32": "f",
    "Float64": "d",
    "Bool": "?",
    "Enum8": "b",
    "DateTime": "I",
    "DateTime64": "q",
}
"""How `struct` reads a type; times stay what they are stored as."""


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
        if not rows:
            return name, []
        for _ in range(type_.count("LowCardinality(")):
            assert self._numbers("Q", 1) == [1], "keys and indexes, per block"
        return name, self._values(type_, rows)

    def _values(self, type_: str, rows: int) -> list[Any]:
        base, _, inner = type_.removesuffix(")").partition("(")
        nested = {
            "String": self._strings,
            "LowCardinality": self._low_cardinality,
            "Nullable": self._nullable,
            "Array": self._arrays,
            "Map": self._maps,
            "Tuple": self._tuples,
        }
        return nested[base](inner, rows) if base in nested else self._numbers(_NUMBERS[base], rows)

    def _strings(self, _inner: str, rows: int) -> list[Any]:
        return [self._string() for _ in range(rows)]

    def _nullable(self, inner: str, rows: int) -> list[Any]:
        nulls = self._numbers("?", rows)
        return [None if null else value for null, value in zip(nulls, self._values(inner, rows), strict=True)]

    def _maps(self, inner: str, rows: int) -> list[Any]:
        return [dict(pairs) for pairs in self._arrays(f"Tuple({inner})", rows)]

    def _tuples(self, inner: str, rows: int) -> list[Any]:
        columns = [self._values(_without_name(part), rows) for part in _parts(inner)]
        return list(zip(*columns, strict=True))

    def _arrays(self, inner: str, rows: int) -> list[Any]:
        ends = [0, *self._numbers("Q", rows)]
        values = self._values(inner, ends[-1])
        return [values[start:end] for start, end in pairwise(ends)]

    def _low_cardinality(self, inner: str, rows: int) -> list[Any]:
        if not rows:
            return []
        kind, count = self._numbers("Q", 2)
        keys = self._values(inner, count)
        assert self._numbers("Q", 1) == [rows]
        return [keys[number] for number in self._numbers("BHIQ"[kind & 0xFF], rows)]

    def _numbers(self, code: str, count: int) -> list[Any]:
        return list(struct.unpack(f"<{count}{code}", self._take(count * struct.calcsize(code))))

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


def _parts(inner: str) -> list[str]:
    """The types within a tuple's parentheses."""
    parts, depth = [""], 0
    for letter in inner:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _without_name(part: str) -> str:
    name, _, type_ = part.partition(" ")
    return type_ if type_ and "(" not in name else part
