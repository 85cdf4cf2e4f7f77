"""Protobuf that no encoder would write of a message, and every parser must read as it."""

from collections.abc import Iterator
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_VARINT, _I64, _LEN = 0, 1, 2
# Field 1000 with a varint, eight bytes, a length of three, four bytes.
_UNKNOWN = (b"\xc0\x3e\x01", b"\xc1\x3e" + bytes(8), b"\xc2\x3e\x03abc", b"\xc5\x3e" + bytes(4))


def spell(message: Message, random: Random) -> bytes:
    """`message` with its fields out of order, messages in two pieces, numbers not packed, and fields nobody knows."""
    return b"".join(_shuffled(_fields(message, random), random))


def _fields(message: Message, random: Random) -> list[list[bytes]]:
    """The bytes of each field, an element of a list each by itself."""
    fields = [list(_field(message, field, value, random)) for field, value in message.ListFields()]
    return [*fields, [random.choice(_UNKNOWN)]] if random.random() < 0.1 else fields


def _field(message: Message, field: FieldDescriptor, value: Any, random: Random) -> Iterator[bytes]:
    if field.type == FieldDescriptor.TYPE_MESSAGE and field.is_repeated:
        yield from (_delimited(field, spell(item, random)) for item in value)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        yield from _in_pieces(field, value, random)
    elif field.is_repeated and field.type != FieldDescriptor.TYPE_STRING and random.random() < 0.5:
        yield from (_unpacked(message, field, item) for item in value)
    else:
        alone = type(message)(**{field.name: value})
        yield alone.SerializeToString()


def _in_pieces(field: FieldDescriptor, message: Message, random: Random) -> Iterator[bytes]:
    # A singular message that comes twice is one, with the fields of both.
    fields = _fields(message, random)
    cut = random.randint(0, len(fields)) if random.random() < 0.2 else len(fields)
    yield _delimited(field, b"".join(_shuffled(fields[:cut], random)))
    if cut < len(fields):
        yield _delimited(field, b"".join(_shuffled(fields[cut:], random)))


def _shuffled(fields: list[list[bytes]], random: Random) -> Iterator[bytes]:
    """The pieces of all fields mixed, those of one field in their order."""
    waiting = [iter(pieces) for pieces in fields]
    turns = [at for at, pieces in enumerate(fields) for _ in pieces]
    random.shuffle(turns)
    return (next(waiting[at]) for at in turns)


def _delimited(field: FieldDescriptor, body: bytes) -> bytes:
    return _varint(field.number << 3 | _LEN) + _varint(len(body)) + body


def _unpacked(message: Message, field: FieldDescriptor, item: float) -> bytes:
    packed = type(message)(**{field.name: [item]}).SerializeToString()
    # One packed number is a one-byte tag, a one-byte length, and the number.
    kind = _VARINT if field.type == FieldDescriptor.TYPE_UINT64 else _I64
    return _varint(field.number << 3 | kind) + packed[2:]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
