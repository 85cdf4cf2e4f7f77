"""OTLP/JSON's attributes as protobuf: most of what a request is, so written for speed.

A value that nests is spelled as its text in the same pass (see `nested`).
"""

from collections.abc import Callable
from typing import Any

from spanhouse_collector.otlp.any_value_json import MAX_DEPTH, Plain, plain_bytes, plain_double, spell, too_deep
from spanhouse_collector.otlp.json.scalars import (
    INT64,
    Encode,
    Misfit,
    base64,
    bool_field,
    bytes_field,
    double_field,
    integer,
    misfit,
    number,
    string_field,
    text,
    truth,
    varint_field,
)
from spanhouse_collector.varint import LENGTHS, delimited, varint

_REMEMBERED = 10_000
_REMEMBERED_BYTES = 100


def attributes_field(tag: bytes) -> Encode:
    """Make the encoder of a list of key-value pairs."""

    def encode(pairs: Any) -> bytes:
        parts: list[bytes] = []
        for pair in _list(pairs):
            try:
                ((kind, content),) = pair["value"].items()
                if kind == "stringValue":
                    characters = content.encode()
                    data = _KEYS[pair["key"]] + _STRING_HEADS[len(characters)] + characters
                elif kind == "intValue" and content is not True and content is not False:
                    data = _KEYS[pair["key"]] + _INTEGERS[content]
                else:
                    data = _KEYS[pair["key"]] + _VALUE_FIELDS[kind](content)
                parts.append(tag + LENGTHS[len(data)] + data)
            except (AttributeError, LookupError, TypeError, ValueError):
                # Longer than the tables, null, absent, unknown or wrong: rare, so looked at again with care.
                parts.append(delimited(tag, _odd_pair(pair, len(parts))))
        return b"".join(parts)

    return encode


def value_field(tag: bytes) -> Encode:
    """Make the encoder of an `AnyValue`."""
    return lambda value: delimited(tag, _value(value))


def _odd_pair(pair: Any, index: int) -> bytes:
    """Encode a pair that may lack its key or its value, or hold nulls or members that are unknown; or refuse it."""
    step = ""
    try:
        key, value = _object(pair).get("key"), pair.get("value")
        step = "key"
        data = b"" if key is None else _KEY(key)
        step = "value"
        return data if value is None else data + delimited(b"\x12", _value(value))
    except Misfit as error:
        raise error.under(step).under(f"[{index}]") from None


def _value(value: Any) -> bytes:
    kind, content = _member(value)
    return _KINDS[kind](content) if kind else b""


def _member(value: Any) -> tuple[str, Any]:
    """Return the one member of an `AnyValue` that is set, and its content; ('', None) when none is."""
    if len(_object(value)) == 1:
        ((kind, content),) = value.items()
        return (kind, content) if content is not None and kind in _KINDS else ("", None)
    given = [(kind, content) for kind, content in value.items() if content is not None and kind in _KINDS]
    if len(given) > 1:
        raise misfit("one value", value)
    return given[0] if given else ("", None)


def _array(array: Any) -> bytes:
    parts: list[bytes] = []
    for element in _elements(array):
        kind, content = _member(element)
        if kind in _CONTAINERS:
            return _spelled("arrayValue", array)
        data = _KINDS[kind](content) if kind else b""
        parts += (b"\x0a", varint(len(data)), data)
    return delimited(b"\x2a", b"".join(parts))


def _map(pairs: Any) -> bytes:
    if pairs is None:
        raise misfit("an object", pairs)
    return _spelled("kvlistValue", pairs)


def _integer(content: Any) -> bytes:
    return _DOUBLE(content) if _is_beyond_int64(content) else _INTEGER(content)


def _is_beyond_int64(content: Any) -> bool:
    """Whether it is a number as JavaScript's SDK sends 1e21: as an integer, for it has no fraction."""
    return type(content) in {int, float} and not INT64[0] <= content <= INT64[1]


def _plain_integer(content: Any) -> Plain:
    return plain_double(number(content)) if _is_beyond_int64(content) else integer(content, *INT64)


def _spelled(kind: str, content: Any) -> bytes:
    return delimited(b"\x0a", spell(_plain({kind: content}, 0)).encode())


def _plain(value: Any, depth: int) -> Plain:
    kind, content = _member(value)
    if kind in _CONTAINERS and depth == MAX_DEPTH:
        raise too_deep()
    if kind == "kvlistValue":
        return dict(_plain_pair(_object(pair), depth + 1) for pair in _elements(content))
    if kind == "arrayValue":
        return [_plain(element, depth + 1) for element in _elements(content)]
    return _PLAIN[kind](content) if kind else None


def _plain_pair(pair: dict[str, Any], depth: int) -> tuple[str, Plain]:
    key, value = pair.get("key"), pair.get("value")
    return "" if key is None else text(key), None if value is None else _plain(value, depth)


def _value_field(encode: Encode) -> Encode:
    def field(content: Any) -> bytes:
        data = encode(content)
        return b"\x12" + LENGTHS[len(data)] + data

    return field


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise misfit("an object", value)
    return value


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise misfit("a list", value)
    return value


def _elements(container: Any) -> list[Any]:
    values = _object(container).get("values")
    return [] if values is None else _list(values)


class _Memory(dict[Any, bytes]):
    """What `encode` made of keys or numbers: the same few thousand come again and again."""

    def __init__(self, encode: Encode) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, content: Any) -> bytes:
        encoded = self._encode(content)
        if len(self) < _REMEMBERED and len(encoded) < _REMEMBERED_BYTES:
            self[content] = encoded
        return encoded


_KEY = string_field(b"\x0a")
_INTEGER = varint_field(b"\x18", *INT64)
_DOUBLE = double_field(b"\x21")
_KEYS = _Memory(_KEY)

# The member of an `AnyValue` that is set: how it is written, and how it reads inside a value that nests.
_CONTAINERS = {"arrayValue", "kvlistValue"}
_KINDS: dict[str, Encode] = {
    "stringValue": string_field(b"\x0a"),
    "boolValue": bool_field(b"\x10"),
    "intValue": _integer,
    "doubleValue": _DOUBLE,
    "arrayValue": _array,
    "kvlistValue": _map,
    "bytesValue": bytes_field(b"\x3a"),
}
_STRING_HEADS = tuple(
    b"\x12" + varint(len(length) + size + 1) + b"\x0a" + length for size, length in enumerate(LENGTHS)
)
_VALUE_FIELDS = {kind: _value_field(encode) for kind, encode in _KINDS.items()}
_INTEGERS = _Memory(_VALUE_FIELDS["intValue"])
_PLAIN: dict[str, Callable[[Any], Plain]] = {
    "stringValue": text,
    "boolValue": truth,
    "intValue": _plain_integer,
    "doubleValue": lambda content: plain_double(number(content)),
    "bytesValue": lambda content: plain_bytes(base64(content)),
}
