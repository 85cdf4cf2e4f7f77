"""Protobuf's variable-length integers, and fields that begin with their length."""


def varint(number: int) -> bytes:
    """Return the varint of an integer from 0 to 2**64 - 1."""
    return LENGTHS[number] if number < 16384 else _encode(number)


def delimited(tag: bytes, data: bytes) -> bytes:
    """Return a string, bytes or message field: its tag, its length, its bytes."""
    return b"".join((tag, varint(len(data)), data))


def tag(number: int, wire_type: int) -> bytes:
    """Return what stands before a field's value."""
    return _encode(number << 3 | wire_type)


def _encode(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


# Nearly every length there is: looked up, not computed.
LENGTHS = tuple(_encode(number) for number in range(1 << 14))
