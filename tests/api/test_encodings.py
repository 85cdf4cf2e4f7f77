"""Compressed bodies in, compressed replies out."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

import httpx
import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_api.sql.encodings import decoder_for, encoder_for
from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.framing import FrameReader, FrameWriter
from spanhouse_schema import Database
from spanhouse_web.compression import zstd

_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
}
_DECOMPRESS = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": zstd.decompress,
    "lz4": lz4.frame.decompress,
}


@pytest.mark.parametrize("encoding", _COMPRESS)
def test_a_statement_and_its_rows_may_be_compressed(
    http: httpx.Client, database: Database, table: str, encoding: str
) -> None:
    rows = b"".join(b"%d,row %d\n" % (number, number) for number in range(10_000))
    headers = {"content-encoding": encoding}
    compress = _COMPRESS[encoding]
    http.post("/", headers=headers, content=compress(f"INSERT INTO {table} FORMAT CSV\n".encode() + rows))
    # Clients send one member for each block of rows.
    cut = rows.index(b"\n", 50_000) + 1
    members = compress(rows[:cut]) + compress(rows[cut:])
    http.post("/", params={"query": f"INSERT INTO {table} FORMAT CSV"}, headers=headers, content=members)
    assert database.rows(f"SELECT count(), sum(a) FROM {table}") == [(20_000, 2 * sum(range(10_000)))]


@pytest.mark.parametrize("encoding", _COMPRESS)
def test_a_body_that_is_damaged_or_cut_off_is_refused(http: httpx.Client, table: str, encoding: str) -> None:
    body = _COMPRESS[encoding](f"INSERT INTO {table} FORMAT CSV\n".encode() + b"1,x\n" * 1000)
    for damaged in (body[:-5], b"not " + body, body[:20] + b"\x00\xff" * 8 + body[36:]):
        reply = http.post("/", headers={"content-encoding": encoding}, content=damaged)
        assert reply.status_code >= 400, damaged
    assert http.post("/", content=f"SELECT count() FROM {table}").text == "0\n"


def test_an_unknown_encoding_is_told(http: httpx.Client) -> None:
    reply = http.post("/", headers={"content-encoding": "rot13"}, content="FRYRPG 1")
    assert reply.headers["x-clickhouse-exception-code"] == "89"
    assert "gzip, deflate, zstd, lz4" in reply.text


@pytest.mark.parametrize("encoding", _DECOMPRESS)
def test_a_reply_is_compressed_when_it_is_asked_for(http: httpx.Client, encoding: str) -> None:
    headers = {"accept-encoding": f"br, {encoding};q=0.5"}
    query = "SELECT number FROM numbers(300000)"
    with http.stream("POST", "/", params={"enable_http_compression": "1"}, headers=headers, content=query) as reply:
        assert reply.headers["content-encoding"] == encoding
        body = b"".join(reply.iter_raw())
    assert _DECOMPRESS[encoding](body) == b"".join(b"%d\n" % number for number in range(300_000))
    assert "content-encoding" not in http.post("/", headers=headers, content=query).headers


def test_a_compressed_reply_that_breaks_off_still_says_why(http: httpx.Client) -> None:
    query = "SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(4000000)"
    said, headers = {"enable_http_compression": "1"}, {"accept-encoding": "gzip"}
    pieces: list[bytes] = []
    with http.stream("POST", "/", params=said, headers=headers, content=query) as reply:
        raw = reply.iter_raw()
        with pytest.raises(httpx.RemoteProtocolError):
            pieces.extend(iter(raw))
    tag = reply.headers["x-clickhouse-exception-tag"].encode()
    assert b"\r\n__exception__\r\n" + tag + b"\r\nCode: 395." in gzip.decompress(b"".join(pieces))[-2000:]


def test_frames_go_both_ways(http: httpx.Client, database: Database, table: str) -> None:
    body = http.post(
        "/", params={"compress": "1", "default_format": "RowBinary"}, content="SELECT toUInt64(5), 'x'"
    ).content
    said = {"query": f"INSERT INTO {table} FORMAT RowBinary", "decompress": "1"}
    http.post("/", params=said, content=body).raise_for_status()
    assert database.rows(f"SELECT * FROM {table}") == [(5, "x")]
    assert _unframed(http.post("/", params={"compress": "1"}, content="SELECT 1").content) == b"1\n"
    framed_statement = FrameWriter()
    statement = framed_statement.encode(b"SELECT 2") + framed_statement.finish()
    assert http.post("/", params={"decompress": "1"}, content=statement).text == "2\n"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda frame: frame[:-1], 33),
        (lambda frame: frame[:16] + b"\x99" + frame[17:], 89),
        (lambda frame: frame[:17] + b"\xff\xff\xff\xff" + frame[21:], 39),
        (lambda frame: frame[:21] + b"\xff\xff\xff\x7f" + frame[25:], 39),
        (lambda frame: frame[:21] + b"\xff\x00\x00\x00" + frame[25:], 271),
        (lambda frame: frame[:17] + b"\x00\x00\x00\x00" + frame[21:], 39),
    ],
)
def test_damaged_frames_are_refused(http: httpx.Client, damage: Callable[[bytes], bytes], code: int) -> None:
    writer = FrameWriter()
    frame = writer.encode(b"SELECT 1, '" + b"x" * 500 + b"'") + writer.finish()
    reply = http.post("/", params={"decompress": "1"}, content=damage(frame))
    assert reply.headers["x-clickhouse-exception-code"] == str(code)


@given(st.lists(st.binary(max_size=2000)), st.integers(1, 700), st.sampled_from(["", *_DECOMPRESS]), st.booleans())
def test_what_is_encoded_decodes_to_itself_however_it_is_cut(
    pieces: list[bytes], step: int, encoding: str, framed: bool
) -> None:
    name, encoder = encoder_for(encoding, 1, framed)
    wire = b"".join(map(encoder.encode, pieces)) + encoder.finish()
    decoder = decoder_for(name, framed)
    back = b"".join(out for at in range(0, len(wire), step) for out in decoder.decode(wire[at : at + step]))
    decoder.finish()
    assert back == b"".join(pieces)


@pytest.mark.parametrize("encoding", _COMPRESS)
def test_a_bomb_comes_out_in_pieces(encoding: str) -> None:
    bomb = _COMPRESS[encoding](bytes(64 * 1024 * 1024))
    sizes = [len(piece) for piece in decoder_for(encoding, framed=False).decode(bomb)]
    assert sum(sizes) == 64 * 1024 * 1024
    assert max(sizes) <= 1024 * 1024


def test_frames_that_announce_more_than_they_hold_are_refused() -> None:
    with pytest.raises(Refused):
        list(
            FrameReader().decode(
                bytes(16) + b"\x82" + (20).to_bytes(4, "little") + (2**27).to_bytes(4, "little") + bytes(11)
            )
        )


def _unframed(body: bytes) -> bytes:
    reader = FrameReader()
    data = b"".join(reader.decode(body))
    reader.finish()
    return data
