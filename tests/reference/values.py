"""How OTLP's values are spelled as text: `Value.AsString()` of the OpenTelemetry Collector's pdata."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from decimal import Decimal
from math import isfinite, isnan

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


def attributes(pairs: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes as a Map: sorted by key; of a key that comes twice the last one wins."""
    last = {pair.key: text(pair.value) for pair in pairs}
    return dict(sorted(last.items()))


def text(value: AnyValue) -> str:
    """The value as it stands in a Map, or as a log's body; nothing is ''."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value" | "int_value" as kind:
            return str(getattr(value, kind)).lower()
        case "double_value":
            return double(value.double_value)
        case "bytes_value":
            return b64encode(value.bytes_value).decode()
        case "array_value" | "kvlist_value":
            return _json(value)
        case _:
            return ""


def double(number: float) -> str:
    """A double as JavaScript spells it (and Go, whose -0 keeps its sign): 0.1, 1e+21, NaN, Infinity."""
    if isnan(number):
        return "NaN"
    if not isfinite(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        return format(Decimal(repr(number)), "f").removesuffix(".0")
    # repr gives the shortest digits too, but writes e-07 where JavaScript writes e-7.
    return re.sub(r"\.0(?=e)", "", re.sub(r"e([+-])0+", r"e\1", repr(number)))


def _json(value: AnyValue) -> str:
    match value.WhichOneof("value"):
        case "array_value":
            return "[" + ",".join(map(_json, value.array_value.values)) + "]"
        case "kvlist_value":
            last = {pair.key: pair.value for pair in value.kvlist_value.values}
            return "{" + ",".join(f"{_quoted(key)}:{_json(last[key])}" for key in sorted(last)) + "}"
        case "string_value" | "bytes_value":
            return _quoted(text(value))
        case "double_value":
            # JSON has no word for them, and null would lose which one it was.
            spelled = double(value.double_value)
            return spelled if isfinite(value.double_value) else _quoted(spelled)
        case None | "string_value_strindex":
            return "null"
        case _:
            return text(value)


def _quoted(string: str) -> str:
    """A JSON string as Go's encoding/json writes it without HTML escaping."""
    return json.dumps(string, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
