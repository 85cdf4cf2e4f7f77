"""OTLP/JSON in all the variants that proto3 JSON allows of one message."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from math import isfinite, isnan
from random import Random
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_HEX_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_LONG = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    }
)
_UNKNOWN: dict[str, Any] = {
    "": None,
    "unknownField": {"deep": [1, "x", {"values": [None]}]},
    "is_monotonic": "no",
    "0": [[]],
}


def spell(message: Message, random: Random) -> bytes:
    """`message` as OTLP/JSON, with choices of `random` wherever the specification leaves one."""
    return json.dumps(
        _object(message, random),
        ensure_ascii=random.random() < 0.5,
        allow_nan=False,
        indent=random.choice([None, None, 1]),
    ).encode()


def _object(message: Message, random: Random) -> dict[str, Any]:
    members: list[tuple[str, Any]] = []
    for field in cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields):
        if _is_said(message, field) or (not field.has_presence and random.random() < 0.1):
            members.append((field.json_name, _member(message, field, random)))
        elif random.random() < 0.05:
            # null is how proto3 JSON may spell "not set", of any field.
            members.append((field.json_name, None))
    members += [item for item in _UNKNOWN.items() if random.random() < 0.02]
    random.shuffle(members)
    return dict(members)


def _is_said(message: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return message.HasField(field.name)
    # Not bool(): -0.0 is not the default.
    value = getattr(message, field.name)
    return len(value) > 0 if field.is_repeated else repr(value) != repr(field.default_value)


def _member(message: Message, field: FieldDescriptor, random: Random) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        return [_value(item, field, random) for item in value]
    return _value(value, field, random)


def _value(value: Any, field: FieldDescriptor, random: Random) -> Any:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _object(value, random)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _id(value, random) if field.name in _HEX_IDS else _base64(value, random)
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _double(value, random)
    if field.type in _LONG:
        return random.choice([str(value), str(value), value])
    if field.type == FieldDescriptor.TYPE_UINT32:
        return random.choice([value, value, str(value)])
    return value


def _id(value: bytes, random: Random) -> str:
    spelled = value.hex()
    return random.choice([spelled, spelled, spelled.upper()])


def _base64(value: bytes, random: Random) -> str:
    encode = random.choice([b64encode, b64encode, urlsafe_b64encode])
    spelled = encode(value).decode()
    return random.choice([spelled, spelled.rstrip("=")])


def _double(value: float, random: Random) -> Any:
    if not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    spellings: list[Any] = [value, value, repr(value)]
    if value.is_integer() and 0 < abs(value) < 2**53:
        spellings.append(int(value))
    return random.choice(spellings)
