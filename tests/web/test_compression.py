"""Bodies are decompressed whole and within bounds, however they are packed and cut."""

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanhouse_web.compression import STREAMS, Decompressor, decompress, zstd
from spanhouse_web.errors import BadRequest, TooLarge, UnsupportedMedia

KIB = 1024
_PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}
_EACH = pytest.mark.parametrize("encoding", STREAMS)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=3000), min_size=1), st.integers(1, 700), st.sampled_from(list(_PACK)))
def test_members_are_one_body_wherever_they_are_cut(members: list[bytes], step: int, encoding: str) -> None:
    body = b"".join(map(_PACK[encoding], members))
    decompressor = Decompressor(encoding, STREAMS[encoding])
    cut = (body[at : at + step] for at in range(0, len(body), step))
    assert b"".join(piece for data in cut for piece in decompressor.decode(data)) == b"".join(members)
    decompressor.finish()
    assert decompressor.members == len(members)
    assert decompress(body, encoding, len(b"".join(members))) == b"".join(members)


@settings(deadline=None)
@given(st.binary(max_size=3000), st.integers(0, 9), st.integers(1, 9), st.integers(0, 4))
def test_deflate_is_known_from_its_first_byte_with_and_without_zlibs_head(
    data: bytes, level: int, memory: int, strategy: int
) -> None:
    for window_bits in (-15, -9, 9, 15):
        packer = zlib.compressobj(level, wbits=window_bits, memLevel=memory, strategy=strategy)
        assert decompress(packer.compress(data) + packer.flush(), "deflate", len(data)) == data


@_EACH
def test_the_limit_is_what_the_body_may_be_once_decompressed(encoding: str) -> None:
    body = _PACK[encoding](bytes(100 * KIB))
    assert decompress(body, encoding, 100 * KIB) == bytes(100 * KIB)
    with pytest.raises(TooLarge, match=f"over {100 * KIB - 1} bytes once decompressed: send smaller batches"):
        decompress(body, encoding, 100 * KIB - 1)


@_EACH
def test_a_bomb_is_given_up_at_the_limit(encoding: str) -> None:
    given_out: list[int] = []
    with pytest.raises(TooLarge):
        _decompress_watched(encoding, _PACK[encoding](bytes(64 * KIB * KIB)), 100 * KIB, given_out)
    assert sum(given_out) <= KIB * KIB


@_EACH
@pytest.mark.parametrize("damage", [lambda body: b"", lambda body: body[:-1], lambda body: b"nothing of the kind"])
def test_what_is_damaged_or_cut_off_is_a_bad_request(encoding: str, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadRequest, match=encoding):
        decompress(damage(_PACK[encoding](bytes(range(256)))), encoding, KIB)


@_EACH
def test_members_past_ten_thousand_are_refused(encoding: str) -> None:
    member = _PACK[encoding](b"x")
    assert decompress(member * 10_000, encoding, KIB * KIB) == b"x" * 10_000
    with pytest.raises(BadRequest, match="more than 10000 members"):
        decompress(member * 10_001, encoding, KIB * KIB)


def test_what_is_copied_grows_with_the_body_and_not_with_its_square() -> None:
    copied = []

    class OneByte:
        """A member that ends with its first byte."""

        eof, needs_input = True, False
        unused_data = b""

        def decompress(self, data: bytes, max_length: int) -> bytes:
            self.unused_data = data[1:]
            copied.append(len(self.unused_data))
            return b""

    assert list(Decompressor("one", OneByte).decode(bytes(256 * KIB))) == []
    assert len(copied) == 256 * KIB
    assert max(copied) < 16 * KIB


@pytest.mark.parametrize("encoding", ["", "identity", " Identity"])
def test_a_body_that_is_not_encoded_stays_as_it_is(encoding: str) -> None:
    assert decompress(b"plain", encoding, 1) == b"plain"


def test_gzip_has_two_names_and_other_encodings_are_refused_with_those_that_are_known() -> None:
    assert decompress(gzip.compress(b"x"), "X-GZip", 1) == b"x"
    with pytest.raises(UnsupportedMedia) as refused:
        decompress(b"x", "br", 1)
    assert (refused.value.status, refused.value.hint) == (415, "send gzip, deflate, zstd, or none")


def _decompress_watched(encoding: str, body: bytes, limit: int, given_out: list[int]) -> bytes:
    """Decompress, and note the size of each piece that a stream gives out."""
    create = STREAMS[encoding]

    class Watched:
        """The stream of an encoding."""

        def __init__(self) -> None:
            self._inner: Any = create()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def decompress(self, data: bytes, max_length: int) -> bytes:
            piece: bytes = self._inner.decompress(data, max_length)
            given_out.append(len(piece))
            return piece

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STREAMS, encoding, Watched)
        return decompress(body, encoding, limit)
