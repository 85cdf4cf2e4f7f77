"""Prices of models, as rows of `model_prices`: what one is, and how rows are written."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from spanhouse_schema.quoting import literal

PACKAGE, USER = "genai-prices", "user"
DAY_S = 86_400
BUCKETS = ("input", "cache_read", "cache_write", "output", "reasoning")
PARTS = (
    *("input_audio", "cache_audio_read", "output_audio", "input_image", "cache_image_read", "output_image"),
    *("input_video", "output_video", "cache_write_1h"),
)
FEES = ("web_searches", "requests")
USD_COLUMNS = (
    *(f"{name}_usd_per_mtok" for name in (*BUCKETS, *PARTS)),
    *(f"{name}_usd_per_thousand" for name in FEES),
)
"""What `Price.usd` is, in this order: of a million tokens, of a thousand searches and calls."""
# USD for a million tokens. Nothing costs as much; and the most tokens that 64 bits can say still fit a cost at it.
MOST_USD = Decimal(100_000)

_COLUMNS = (
    *("tenant_id", "provider", "model", "source", "position", "valid_from", "from_second", "until_second"),
    *("above_tokens", *USD_COLUMNS, "origin", "version", "is_deleted"),
)


class Pair(NamedTuple):
    """A model, as spans of a tenant name it. In bytes: who inserts by other ways than ours may write anything."""

    tenant: bytes
    provider: bytes
    model: bytes


class Price(NamedTuple):
    """What tokens, searches and calls cost, in USD (None: unknown), and for which calls of a model that holds."""

    # Of several that hold, the last counts.
    position: int = 0
    # Unix seconds.
    valid_from: int = 0
    # Seconds of the day in UTC; over midnight where the second is the less.
    from_second: int = 0
    until_second: int = DAY_S
    # Tokens of input.
    above_tokens: int = 0
    # In the order of USD_COLUMNS.
    usd: tuple[Decimal | None, ...] = (None,) * len(USD_COLUMNS)
    origin: str = ""

    @property
    def key(self) -> tuple[int, int, int, int]:
        """What is one price of its pair and source: another one with this key replaces it."""
        return self.position, self.valid_from, self.from_second, self.above_tokens


class Row(NamedTuple):
    """A price of a pair, from `PACKAGE` or `USER`; `gone` takes back the one that has its key."""

    pair: Pair
    source: str
    price: Price
    gone: bool = False


def insertion(rows: Iterable[Row], version: int) -> str:
    """The INSERT of at least one row. Of rows with one key that of the greatest version (microseconds) counts."""
    values = ",\n".join(f"({', '.join(_values(row, version))})" for row in rows)
    return f"INSERT INTO spanhouse.model_prices ({', '.join(_COLUMNS)}) VALUES {values}"


def _values(row: Row, version: int) -> list[str]:
    price = row.price
    return [
        *(f"unhex('{name.hex()}')" for name in row.pair),
        literal(row.source),
        str(price.position),
        f"toDateTime({price.valid_from}, 'UTC')",
        *map(str, (price.from_second, price.until_second, price.above_tokens)),
        *("NULL" if usd is None else f"'{usd:f}'" for usd in price.usd),
        literal(price.origin),
        str(version),
        str(int(row.gone)),
    ]
