"""How a nested attribute value is spelled as text: JSON, as the OpenTelemetry Collector's `Value.AsString()` writes it.

Compact, keys sorted, nothing escaped for HTML, numbers as JavaScript spells them. Two things differ, because the
Collector would lose the whole value there: NaN and the infinities are quoted. ClickHouse spells whatever does not
nest; the same scalar reads the same in both.
"""

from base64 import b64encode
from decimal import Decimal
from math import isfinite
from typing import TypeAlias

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanhouse_web.errors import BadRequest

MAX_DEPTH = 32
"""How many maps and arrays may stand inside each other. (The Protobuf library itself gives up at 33 maps.)"""

Plain: TypeAlias = "str | int | bool | orjson.Fragment | list[Plain] | dict[str, Plain] | None"
"""A value as orjson writes it: exactly the text that `spell` gives, but for the escapes of two characters."""


def spell(value: Plain) -> str:
    """Return the JSON text of a map or an array."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    # Go escapes the two line separators that JSON allows and JavaScript once did not; they only occur in strings.
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def spell_bytes(data: bytes) -> str:
    """Return the text of an `AnyValue` that nests, from its protobuf bytes.

    Raises `BadRequest` when the bytes are no `AnyValue`, or nest deeper than `MAX_DEPTH`.
    """
    try:
        value = AnyValue.FromString(data)
    except DecodeError as error:
        if "MaxDepth" in str(error):
            raise too_deep() from error
        raise BadRequest(f"an attribute's nested value is not an AnyValue: {error}") from error
    return spell(_plain(value, 0))


def plain_double(value: float) -> Plain:
    """A double as JSON: the shortest digits that give it back, exponents from 1e21 up and below 1e-6."""
    if not isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124  # only NaN differs from itself
    text = repr(value)
    if "e" not in text:
        return orjson.Fragment(text.removesuffix(".0"))
    if 1e-6 <= abs(value) < 1e21:
        return orjson.Fragment(format(Decimal(text), "f"))
    return orjson.Fragment(text.replace("e-0", "e-"))


def plain_bytes(value: bytes) -> str:
    """Bytes as JSON: base64, standard alphabet, padded."""
    return b64encode(value).decode()


def too_deep() -> BadRequest:
    """The refusal of a value that nests deeper than `MAX_DEPTH`."""
    return BadRequest(
        f"an attribute's value nests more than {MAX_DEPTH} levels of maps and arrays: send it as JSON text instead"
    )


def _plain(value: AnyValue, depth: int) -> Plain:
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        _check_depth(depth)
        return {pair.key: _plain(pair.value, depth + 1) for pair in value.kvlist_value.values}
    if kind == "array_value":
        _check_depth(depth)
        return [_plain(element, depth + 1) for element in value.array_value.values]
    if kind == "double_value":
        return plain_double(value.double_value)
    if kind == "bytes_value":
        return plain_bytes(value.bytes_value)
    if kind in {"string_value", "int_value", "bool_value"}:
        return getattr(value, kind)  # type: ignore[no-any-return]  # str, int or bool, by its name
    return None


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise too_deep()
