"""What a hostile, broken or cut-off client sends, drawn from a `Random`: bodies, encodings, and bytes on a socket."""

import gzip
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any

from spanhouse_collector.signal import Signal
from spanhouse_web.compression import zstd
from tests.collector.receiving import body
from tests.support.corpus import recordings

_Maker = Callable[[Random, Signal, bool], bytes]

_MOST_BYTES = 64 * 1024
_LEVELS = (2, 31, 32, 33, 34, 60, 99, 101, 500, 5_000)
_SCALARS = (
    None,
    True,
    False,
    0,
    -1,
    2**63,
    2**64,
    1e308,
    0.1,
    "",
    "x",
    "0",
    "-1",
    "NaN",
    "\ud800",
    "é" * 99,
    "A" * 9999,
)


def content(random: Random, signal: Signal, *, is_json: bool) -> bytes:
    """A body that may or may not be a request of this signal."""
    makers = _JSON if is_json else _PROTOBUF
    maker: _Maker = random.choice([_whole, _cut, _mutated, _noise, *makers, *makers])
    return maker(random, signal, is_json)


def compressed(random: Random, plain: bytes) -> tuple[str, bytes]:
    """A content encoding, and bytes that may or may not be `plain` in it."""
    name, compress = random.choice(list(_COMPRESS.items()))
    packed = compress(plain)
    odd = random.random()
    if odd < 0.5:
        return name, packed
    if odd < 0.7:
        return name, packed[: random.randrange(len(packed) + 1)]
    if odd < 0.8:
        return name, mutate(random, packed)
    if odd < 0.98:
        return random.choice([*_COMPRESS, "br", "gzip,gzip", "identity", "zip" * 1000]), packed
    return random.choice(list(bombs().items()))


@cache
def bombs() -> dict[str, bytes]:
    """By encoding, a few kilobytes that stand for 16 MiB."""
    zeros = bytes(16 * 1024 * 1024)
    return {name: compress(zeros) for name, compress in _COMPRESS.items()}


def mutate(random: Random, data: bytes) -> bytes:
    """The same bytes with a few of them changed, cut out, repeated or put elsewhere."""
    mutated = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 5, 50])):
        at, size = random.randrange(len(mutated) + 1), random.choice([1, 1, 2, 4, 40])
        change = random.randrange(4)
        if change == 0:
            mutated[at : at + size] = random.randbytes(size)
        elif change == 1:
            del mutated[at : at + size]
        elif change == 2:
            mutated[at:at] = mutated[at : at + size] * random.choice([1, 2, 30])
        else:
            mutated[at:at] = random.choice([b"\xff" * 10, b"\x00", b"\x80", b"\x7f", b"\r\n", b'"', b"\\u"])
    return bytes(mutated)


_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "deflate": zlib.compress,
    "zstd": zstd.compress,
}


def _whole(random: Random, signal: Signal, is_json: bool) -> bytes:
    return random.choice(_bodies(signal, is_json))


@cache
def _bodies(signal: Signal, is_json: bool) -> list[bytes]:
    found = [one.body for one in recordings(signal.value) if one.is_json is is_json and len(one.body) < _MOST_BYTES]
    return [*found, *(body(signal, *map(str, range(count)), json=is_json) for count in (1, 2, 50))]


def _cut(random: Random, signal: Signal, is_json: bool) -> bytes:
    whole = _whole(random, signal, is_json)
    at = random.randrange(len(whole) + 1)
    return whole[at:] if random.random() < 0.2 else whole[:at]


def _mutated(random: Random, signal: Signal, is_json: bool) -> bytes:
    return mutate(random, _whole(random, signal, is_json))


def _noise(random: Random, _: Signal, is_json: bool) -> bytes:
    return random.randbytes(random.choice([0, 1, 2, 10, 1000, 100_000]))


# Protobuf.


def _fields(random: Random, signal: Signal, is_json: bool) -> bytes:
    """Fields of every number and type, nested at will, where an item of a request would be."""
    inner = b"".join(_field(random, depth=6) for _ in range(random.randrange(12)))
    for number in random.choice([(), (1,), (2, 1), (2, 2, 1), (5, 2, 2, 1), (2, 9, 2, 2, 1), (1, 5, 2, 2, 1)]):
        inner = _delimited(number, inner)
    return inner


def _field(random: Random, depth: int) -> bytes:
    number = random.choice([*range(17), 99, 2**28, 2**29 - 1, 2**29])
    kind = random.choice([0, 1, 2, 2, 2, 2, 3, 4, 5, 6, 7])
    head = _varint(number << 3 | kind)
    if kind == 0:
        return head + random.choice([_varint(random.getrandbits(64)), b"\x80" * 9 + b"\x01", b"\xff" * 11, b"\x80"])
    if kind == 2 and depth and random.random() < 0.7:
        return _delimited(number, b"".join(_field(random, depth - 1) for _ in range(random.randrange(5))))
    if kind == 2:
        data = random.randbytes(random.choice([0, 1, 8, 16, 200]))
        return head + random.choice([_varint(len(data)), _varint(2**31 - 1), _varint(2**64 - 1), b"\xff" * 10]) + data
    return head + random.randbytes({1: 8, 5: 4}.get(kind, 0))


def _nested_fields(random: Random, signal: Signal, is_json: bool) -> bytes:
    """One value within another, up to thousands of times: arrays, maps, groups, or the message itself."""
    numbers = random.choice([(1, 5), (2, 1, 6), (1,), (2,)])
    inner = b"\x18\x07"
    for _ in range(random.choice(_LEVELS)):
        for number in numbers:
            inner = _delimited(number, inner)
    if random.random() < 0.2:
        levels = random.choice(_LEVELS)
        inner = b"\x0b" * levels + b"\x0c" * random.choice([levels, levels - 1, 0])
    return _delimited(1, _delimited(2, _delimited(2, _delimited(9, _delimited(2, inner)))))


def _many_fields(random: Random, _: Signal, is_json: bool) -> bytes:
    """Very many items that are two bytes each."""
    return _delimited(1, _delimited(2, b"\x12\x00" * random.choice([1000, 50_000])))


def _delimited(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


# JSON.


def _misfit(random: Random, signal: Signal, is_json: bool) -> bytes:
    """A request in which some values are of another kind than they should be."""
    document = _document(random, signal)
    for _ in range(random.choice([1, 1, 3])):
        document = _replaced(random, document)
    return _dumped(document)


def _document(random: Random, signal: Signal) -> Any:
    while True:
        with suppress(ValueError):  # some recordings are no JSON
            return json.loads(_whole(random, signal, is_json=True))


def _replaced(random: Random, value: Any) -> Any:
    """The value, or one somewhere in it, as something else."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(list(value))
        return {**value, name: _replaced(random, value[name])}
    if isinstance(value, list) and value and random.random() < 0.9:
        at = random.randrange(len(value))
        return [*value[:at], _replaced(random, value[at]), *value[at + 1 :]]
    return random.choice([*_SCALARS, [], {}, [value], {"values": [value]}, {"stringValue": value}, [[]] * 100])


def _nested_objects(random: Random, signal: Signal, is_json: bool) -> bytes:
    value: Any = random.choice(_SCALARS)
    for _ in range(random.choice([2, 31, 32, 33, 34, 60, 200])):
        value = random.choice([{"arrayValue": {"values": [value]}}, {"kvlistValue": {"values": [{"value": value}]}}])
    span = {"traceId": "1" * 32, "spanId": "1" * 16, "attributes": [{"key": "k", "value": value}]}
    return _dumped({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def _nested_brackets(random: Random, _: Signal, is_json: bool) -> bytes:
    opening, closing = random.choice([(b"[", b"]"), (b'{"resourceSpans":[', b"]}"), (b'{"a":', b"}")])
    levels = random.choice([*_LEVELS, 100_000])
    return opening * levels + b"1" + closing * random.choice([levels, levels - 1, 0])


def _literal(random: Random, _: Signal, is_json: bool) -> bytes:
    number = random.choice(
        [b"1e999999", b"-", b"0" * 1000, b"9" * 10_000, b"NaN", b"-Infinity", b"0x10", b"1.", b"\xff"]
    )
    return (
        random.choice([b"%s", b'{"resourceSpans":%s}', b'{"resourceLogs":[%s]}', b'{"x":"%s"}', b"\xef\xbb\xbf%s"])
        % number
    )


def _dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


_PROTOBUF = (_fields, _fields, _nested_fields, _many_fields)
_JSON = (_misfit, _misfit, _nested_objects, _nested_brackets, _literal)


# Bytes on a socket.


def dialogue(random: Random, request: bytes) -> bytes:
    """What goes over a connection before its client hangs up: part of this request, or bent, or no HTTP at all."""
    head, _, rest = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    odd = random.random()
    if odd < 0.3:
        return request[: random.randrange(len(request) + 1)]
    if odd < 0.5:
        return mutate(random, head) + b"\r\n\r\n" + rest
    if odd < 0.8:
        lines[1:1] = random.choices(_LINES, k=random.choice([1, 1, 3]))
        return b"\r\n".join(lines) + b"\r\n\r\n" + random.choice([rest, *_CHUNKS])
    if odd < 0.9:
        return b"\r\n".join([random.choice(_STARTS), *lines[1:]]) + b"\r\n\r\n" + rest
    return random.choice([*_PREFACES, random.randbytes(1000)])


_LINES = (
    *(b"host: [", b"host: a b", b"Host:", b"host: \xff", b"x-api-key: \xff\xfe", b"authorization: Bearer \x00"),
    *(
        b"content-length: -1",
        b"content-length: 5, 6",
        b"content-length: 99999999999999999999999",
        b"content-length: 0x10",
    ),
    *(b"transfer-encoding: chunked", b"transfer-encoding: gzip, chunked", b"transfer-encoding: \x0bchunked"),
    *(b"expect: 100-continue", b"expect: the unexpected", b"content-encoding: gzip", b"content-type: \xff/\xff"),
    *(
        b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: "
        + b"A" * 22
        + b"==",
    ),
    *(b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAAA", b"connection: close"),
    *(
        b"no colon",
        b": no name",
        b" folded",
        b"name\x00: value",
        b"x: " + b"y" * 100_000,
        b"\r\n".join([b"x: y"] * 5000),
    ),
)
_CHUNKS = (
    *(
        b"0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"-1\r\n",
        b"5;x=" + b"y" * 70_000,
        b"5\r\nhell",
        b"zz",
    ),
    *(b"3\r\n\x0a\x01\xff\r\n0\r\nx: y\r\n\r\n", b"1\r\n" * 1000),
)
_STARTS = (
    *(
        b"GET http://[::1/v1/traces HTTP/1.1",
        b"POST /v1/traces",
        b"POST  /v1/traces HTTP/1.1",
        b"POST /v1/traces HTTP/9.9",
    ),
    *(
        b"post /v1/traces HTTP/1.1",
        b"POST /%zz%00%ff HTTP/1.1",
        b"POST /" + b"a" * 100_000 + b" HTTP/1.1",
        b"POST * HTTP/1.1",
    ),
    *(
        b"CONNECT example.com:443 HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"TRACE / HTTP/1.1",
        b"\x00 / HTTP/1.1",
        b"POST \xff HTTP/1.1",
    ),
    *(b"GET /metrics?%ff=%00 HTTP/1.0", b"GET /ready HTTP/1.0", b"POST /v1/traces/../logs HTTP/1.1", b"PRI * HTTP/2.0"),
)
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PREFACES = (
    *(b"", b"\r\n" * 1000, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500, _HTTP2, _HTTP2[:10]),
    *(
        _HTTP2 + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        _HTTP2 + b"\xff\xff\xff\x00\x00\xff\xff\xff\xff" + b"\x00" * 1000,
    ),
    *(
        _HTTP2 + b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\xff\xff\xff\xff",
        _HTTP2 + b"\x00\x00\x05\x01\x05\x00\x00\x00\x01\x82\x86\x84\x41\xff",
    ),
)
