"""CityHash128 as ClickHouse has it (version 1.0.2): the checksum in front of each of its compressed blocks.

https://github.com/google/cityhash describes it; later versions of CityHash give other values. Names are the
algorithm's own. Python's integers do not wrap: `_WORD` cuts them where the algorithm relies on it.
"""

from collections.abc import Sequence
from struct import Struct, unpack_from

_WORD = 0xFFFFFFFFFFFFFFFF
_K0, _K1, _K2, _K3 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F, 0xC949D7C7509E6557
_MULTIPLIER = 0x9DDFEA08EB382D69
_EIGHT_WORDS = Struct("<8Q")
_LONG = 128

Pair = tuple[int, int]


def city_hash_128(data: bytes) -> bytes:
    """The 16 bytes of checksum of `data`, as they stand in a stream; about 25 MB/s."""
    if len(data) >= 16:
        low, high = _with_seed(data[16:], (_fetch64(data, 0) ^ _K3, _fetch64(data, 8)))
    elif len(data) >= 8:
        seed = (_fetch64(data, 0) ^ (len(data) * _K0 & _WORD), _fetch64(data, len(data) - 8) ^ _K1)
        low, high = _with_seed(b"", seed)
    else:
        low, high = _with_seed(data, (_K0, _K1))
    return low.to_bytes(8, "little") + high.to_bytes(8, "little")


def _with_seed(s: bytes, seed: Pair) -> Pair:
    return _long(s, seed) if len(s) >= _LONG else _short(s, seed)


def _long(s: bytes, seed: Pair) -> Pair:
    x, y = seed
    z = len(s) * _K1 & _WORD
    v0 = (_rotate(y ^ _K1, 49) * _K1 + _fetch64(s, 0)) & _WORD
    v1 = (_rotate(v0, 42) * _K1 + _fetch64(s, 8)) & _WORD
    w0 = (_rotate((y + z) & _WORD, 35) * _K1 + x) & _WORD
    w1 = _rotate((x + _fetch64(s, 88)) & _WORD, 53) * _K1 & _WORD
    whole = len(s) // _LONG * _LONG
    # Written out, not called: this loop sees every byte of a result.
    for a, b, c, d, e, f, g, h in _EIGHT_WORDS.iter_unpack(memoryview(s)[:whole]):
        x = (x + y + v0 + c) & _WORD
        x = ((x >> 37 | x << 27) & _WORD) * _K1 & _WORD ^ w1
        y = (y + v1 + g) & _WORD
        y = ((y >> 42 | y << 22) & _WORD) * _K1 & _WORD ^ v0
        z ^= w0
        z = (z >> 33 | z << 31) & _WORD
        v0, v1 = v1 * _K1 + a, x + w0
        v1 = (v1 + v0 + d) & _WORD
        v1, total = v1 >> 21 | v1 << 43, v0 + b + c
        total &= _WORD
        v0, v1 = (total + d) & _WORD, (v1 + (total >> 44 | total << 20) + v0) & _WORD
        w0, w1 = z + w1 + e, y
        w1 = (w1 + w0 + h) & _WORD
        w1, total = w1 >> 21 | w1 << 43, w0 + f + g
        total &= _WORD
        w0, w1 = (total + h) & _WORD, (w1 + (total >> 44 | total << 20) + w0) & _WORD
        z, x = x, z
    return _finish(s, len(s) - whole, (x, y, z), (v0, v1), (w0, w1))


def _finish(s: bytes, left: int, words: Sequence[int], v: Pair, w: Pair) -> Pair:
    x, y, z = words
    w0, w1 = w
    y = (y + _rotate(w0, 37) * _K0 + z) & _WORD
    x = (x + _rotate((v[0] + z) & _WORD, 49) * _K0) & _WORD
    for done in range(32, left + 32, 32):
        start = len(s) - done
        y = (_rotate((y - x) & _WORD, 42) * _K0 + v[1]) & _WORD
        w0 = (w0 + _fetch64(s, start + 16)) & _WORD
        x = (_rotate(x, 49) * _K0 + w0) & _WORD
        w0 = (w0 + v[0]) & _WORD
        v = _weak_hash(s, start, v)
    x, y = _hash16(x, v[0]), _hash16(y, w0)
    return (_hash16((x + v[1]) & _WORD, w1) + y) & _WORD, _hash16((x + w1) & _WORD, (y + v[1]) & _WORD)


def _short(s: bytes, seed: Pair) -> Pair:
    a, b = seed
    if len(s) <= 16:
        a = _shift_mix(a * _K1 & _WORD) * _K1 & _WORD
        c = (b * _K1 + _hash_up_to_16(s)) & _WORD
        d = _shift_mix((a + (_fetch64(s, 0) if len(s) >= 8 else c)) & _WORD)
    else:
        c = _hash16((_fetch64(s, len(s) - 8) + _K1) & _WORD, a)
        d = _hash16((b + len(s)) & _WORD, (c + _fetch64(s, len(s) - 16)) & _WORD)
        a = (a + d) & _WORD
        for start in range(0, len(s) - 16, 16):
            a = (a ^ _shift_mix(_fetch64(s, start) * _K1 & _WORD) * _K1 & _WORD) * _K1 & _WORD
            b ^= a
            c = (c ^ _shift_mix(_fetch64(s, start + 8) * _K1 & _WORD) * _K1 & _WORD) * _K1 & _WORD
            d ^= c
    a, b = _hash16(a, c), _hash16(d, b)
    return a ^ b, _hash16(b, a)


def _hash_up_to_16(s: bytes) -> int:
    size = len(s)
    if size > 8:
        end = _fetch64(s, size - 8)
        return _hash16(_fetch64(s, 0), _rotate((end + size) & _WORD, size)) ^ end
    if size >= 4:
        first, last = unpack_from("<I", s)[0], unpack_from("<I", s, size - 4)[0]
        return _hash16(size + (first << 3), last)
    if size:
        y, z = s[0] + (s[size >> 1] << 8), size + (s[-1] << 2)
        return _shift_mix((y * _K2 ^ z * _K3) & _WORD) * _K2 & _WORD
    return _K2


def _weak_hash(s: bytes, start: int, seeds: Pair) -> Pair:
    w, x, y, z = unpack_from("<4Q", s, start)
    first = (seeds[0] + w) & _WORD
    second = _rotate((seeds[1] + first + z) & _WORD, 21)
    total = (first + x + y) & _WORD
    return (total + z) & _WORD, (second + _rotate(total, 44) + first) & _WORD


def _hash16(low: int, high: int) -> int:
    a = _shift_mix((low ^ high) * _MULTIPLIER & _WORD)
    return _shift_mix((high ^ a) * _MULTIPLIER & _WORD) * _MULTIPLIER & _WORD


def _shift_mix(value: int) -> int:
    return value ^ value >> 47


def _rotate(value: int, by: int) -> int:
    return (value >> by | value << (64 - by)) & _WORD


def _fetch64(s: bytes, at: int) -> int:
    return int(unpack_from("<Q", s, at)[0])
