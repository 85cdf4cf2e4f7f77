"""One record of the spool: an OTLP request in its envelope, the message that `otlp.proto` calls `…Envelope`.

A record is the envelope behind its length, which is what ClickHouse's FORMAT Protobuf reads. The order of the fields is
ours (Protobuf allows any): digest and receive time come first, so that a segment's digests are read without its
requests, and a CRC-32 of everything before it comes last. That is field 15, which the schema does not know and
ClickHouse skips; after a crash it tells a whole record from a torn one.
"""

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from spanhouse_collector.varint import delimited, varint

DIGEST_BYTES = 32
# The length, the digest and the receive time: as far into a record as `head` looks.
HEAD_BYTES = 10 + 2 + DIGEST_BYTES + 1 + 8

_FIXED64 = Struct("<Q")
_FIXED32 = Struct("<I")
_REQUEST, _TENANT, _RECEIVED, _DIGEST, _REFUSED = b"\x0a", b"\x12", b"\x19", b"\x22\x20", b"\x2a"
_CHECKSUM = b"\x7d"
_CHECKSUM_BYTES = 5
_I64, _LEN, _I32 = 1, 2, 5


class Refusal(NamedTuple):
    """What the receiver took out of a request: the reason, and the span, record or point as JSON text."""

    reason: str
    item: str


class Envelope(NamedTuple):
    """What a record holds. `request` is OTLP protobuf; the time is in nanoseconds since 1970."""

    request: bytes
    tenant: str
    received_unix_nano: int
    digest: bytes
    refused: tuple[Refusal, ...] = ()


class Head(NamedTuple):
    """What is read of a record without reading its request."""

    digest: bytes
    received_unix_nano: int


def encode(
    request: bytes, *, tenant: str, received_unix_nano: int, digest: bytes, refused: Sequence[Refusal] = ()
) -> bytes:
    """One record. `digest` is the SHA-256 (32 bytes) that makes a client's retry of a request the same request."""
    start = b"".join(
        (
            _DIGEST,
            digest,
            _RECEIVED,
            _FIXED64.pack(received_unix_nano),
            delimited(_TENANT, tenant.encode()),
            *(delimited(_REFUSED, _refusal(refusal)) for refusal in refused),
            _REQUEST,
            varint(len(request)),
        )
    )
    checksum = _FIXED32.pack(crc32(request, crc32(start)))
    length = varint(len(start) + len(request) + _CHECKSUM_BYTES)
    return b"".join((length, start, request, _CHECKSUM, checksum))


def decode(record: bytes) -> Envelope:
    """What `encode` was given. Raises `ValueError` when the record is not whole."""
    if not is_whole(record):
        raise ValueError(f"a record of {len(record)} bytes is damaged: its length or its checksum does not fit")
    fields: dict[int, list[bytes]] = {}
    at = _read_varint(record, 0)[1]
    while at < len(record):
        number, value, at = _read_field(record, at)
        fields.setdefault(number, []).append(value)
    return Envelope(
        request=fields[1][0],
        tenant=fields[2][0].decode(),
        received_unix_nano=_FIXED64.unpack(fields[3][0])[0],
        digest=fields[4][0],
        refused=tuple(_read_refusal(value) for value in fields.get(5, ())),
    )


def is_whole(record: bytes) -> bool:
    """Whether `record` is one record from its first byte to its last, as it was written."""
    end = len(record) - _CHECKSUM_BYTES
    start, body = frame(record)
    if start < 0 or start + body != len(record) or body <= _CHECKSUM_BYTES:
        return False
    checksum = crc32(memoryview(record)[start:end])
    return record[end:] == _CHECKSUM + _FIXED32.pack(checksum)


def frame(data: bytes) -> tuple[int, int]:
    """Where the envelope of the record at the start of `data` begins, and its bytes; (-1, 0) without a length."""
    try:
        length, start = _read_varint(data, 0)
    except ValueError:
        return -1, 0
    return start, length


def head(data: bytes) -> Head | None:
    """The head of the record whose first `HEAD_BYTES` are `data`; None when that is not a record."""
    start = frame(data)[0]
    digest = start + len(_DIGEST)
    received = digest + DIGEST_BYTES + 1
    if start < 0 or data[start:digest] != _DIGEST or len(data) < received + 8:
        return None
    return Head(data[digest : digest + DIGEST_BYTES], _FIXED64.unpack_from(data, received)[0])


def _refusal(refusal: Refusal) -> bytes:
    # Field numbers 1 and 2 of `Refusal` have the tags that `request` and `tenant` have above.
    return delimited(_REQUEST, refusal.reason.encode()) + delimited(_TENANT, refusal.item.encode())


def _read_refusal(data: bytes) -> Refusal:
    texts = {1: "", 2: ""}
    at = 0
    while at < len(data):
        number, value, at = _read_field(data, at)
        texts[number] = value.decode()
    return Refusal(texts[1], texts[2])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise ValueError(f"no varint at byte {at}")


def _read_field(data: bytes, at: int) -> tuple[int, bytes, int]:
    tag, at = _read_varint(data, at)
    kind = tag & 7
    if kind == _LEN:
        length, at = _read_varint(data, at)
    elif kind in {_I64, _I32}:
        length = 8 if kind == _I64 else 4
    else:
        raise ValueError(f"an envelope has no field with the wire type {kind}")
    return tag >> 3, data[at : at + length], at + length
