"""OTLP/JSON's scalars: what orjson made of them is checked, and written as protobuf.

`string(tag)`, `double(tag)` and their like make the encoder of one field: it takes the JSON value and returns the
field's bytes, tag and all. Everything here raises `Misfit` for a value that the field cannot take.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from math import isfinite
from struct import Struct
from typing import Any

from spanhouse_collector.varint import delimited, varint

Encode = Callable[[Any], bytes]

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)
UINT32 = (0, 2**32 - 1)
UINT64 = (0, 2**64 - 1)

_MASK = 2**64 - 1
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,1100})?([eE][+-]?\d{1,4})?", re.ASCII)
_FROM_URL_SAFE = str.maketrans("-_", "+/")


class Misfit(ValueError):
    """A JSON value that its field cannot take; `path` says where, and grows outwards as the error rises."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def under(self, step: str) -> "Misfit":
        """Return the same misfit seen from one level further out; `step` is a field's name or `[index]`."""
        return Misfit(self.problem, step + ("." if self.path[:1] not in {"", "["} else "") + self.path)


def misfit(expected: str, value: object) -> Misfit:
    """Return the error for a value of the wrong type or out of range."""
    got = repr(value)
    return Misfit(f"expected {expected}, got {got if len(got) <= 60 else got[:60] + '…'}")


def text(value: Any) -> str:
    """Return a JSON string."""
    if type(value) is not str:
        raise misfit("a string", value)
    return value


def truth(value: Any) -> bool:
    """Return a JSON boolean."""
    if type(value) is not bool:
        raise misfit("true or false", value)
    return value


def integer(value: Any, low: int, high: int) -> int:
    """Return the integer that a JSON number, or decimal digits in a string, stands for."""
    if type(value) is str and value.isascii() and len(value) <= 20:
        if value.isdecimal() or value.removeprefix("-").isdecimal():
            value = int(value)
    elif type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise misfit("an integer", value)
    if not low <= value <= high:
        raise misfit(f"an integer from {low} to {high}", value)
    return value


def number(value: Any) -> float:
    """Return the double that a JSON number, its text, or "NaN", "Infinity", "-Infinity" stands for."""
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if type(value) is str and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if type(value) is str and _NUMBER.fullmatch(value) and isfinite(parsed := float(value)):
        return parsed
    raise misfit('a number, "NaN", "Infinity" or "-Infinity"', value)


def base64(value: Any) -> bytes:
    """Return the bytes that base64 stands for: standard or URL-safe, padded or not."""
    digits = text(value).translate(_FROM_URL_SAFE).rstrip("=")
    try:
        return a2b_base64(digits + "=" * (-len(digits) % 4), strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise misfit("base64", value) from error


def hexadecimal(value: Any) -> bytes:
    """Return a trace or span id. What is not hexadecimal is no id, as one of the wrong length is none: b''."""
    try:
        return bytes.fromhex(text(value))
    except ValueError as error:
        if isinstance(error, Misfit):
            raise
        return b""


def string_field(tag: bytes) -> Encode:
    """Make the encoder of a string."""

    def encode(value: Any) -> bytes:
        if type(value) is not str:
            raise misfit("a string", value)
        data = value.encode()
        return tag + varint(len(data)) + data

    return encode


def bytes_field(tag: bytes) -> Encode:
    """Make the encoder of bytes."""
    return lambda value: delimited(tag, base64(value))


def id_field(tag: bytes) -> Encode:
    """Make the encoder of a trace or span id."""

    def encode(value: Any) -> bytes:
        data = hexadecimal(value)
        return tag + varint(len(data)) + data

    return encode


def bool_field(tag: bytes) -> Encode:
    """Make the encoder of a boolean."""
    return lambda value: tag + (b"\1" if truth(value) else b"\0")


def enum_field(tag: bytes) -> Encode:
    """Make the encoder of an enum: numbers only, as OTLP/JSON has it."""

    def encode(value: Any) -> bytes:
        if type(value) is not int or not INT32[0] <= value <= INT32[1]:
            raise misfit("the enum's number (OTLP/JSON knows no enum names)", value)
        return tag + varint(value & _MASK)

    return encode


def varint_field(tag: bytes, low: int, high: int) -> Encode:
    """Make the encoder of int32, int64, uint32 or uint64."""
    return lambda value: tag + varint(integer(value, low, high) & _MASK)


def zigzag_field(tag: bytes, low: int, high: int) -> Encode:
    """Make the encoder of sint32 or sint64."""

    def encode(value: Any) -> bytes:
        signed = integer(value, low, high)
        return tag + varint(signed << 1 if signed >= 0 else ~(signed << 1))

    return encode


def fixed_field(tag: bytes, layout: str, low: int, high: int) -> Encode:
    """Make the encoder of fixed32, fixed64, sfixed32 or sfixed64; `layout` is the number's code in `struct`."""
    pack = Struct(f"<{len(tag)}s{layout}").pack
    return lambda value: pack(tag, integer(value, low, high))


def double_field(tag: bytes) -> Encode:
    """Make the encoder of a double."""
    pack = Struct(f"<{len(tag)}sd").pack
    return lambda value: pack(tag, number(value))
