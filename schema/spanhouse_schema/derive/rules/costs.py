"""The cost of calls and runs: as their span reports, otherwise their tokens at the prices of their time."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from spanhouse_schema.derive.rules.buckets import DOUBTS
from spanhouse_schema.derive.rules.columns import (
    COMPUTED,
    MODELS,
    PARTIAL,
    REPORTED,
    TOKENS,
    UNPRICED,
    Columns,
    first_said,
    tells,
    tells_parts,
)

_DAY_S = 86_400
_THOUSAND, _MILLION = 10**3, 10**6
_BUCKETS = dict(zip(TOKENS, ("Input", "CacheRead", "CacheWrite", "Output", "Reasoning"), strict=True))


class _Part(NamedTuple):
    """Tokens of a bucket that may have another price; those of `without` are told with them, and are elsewhere.

    Without a price they cost what their bucket does, which is sure only of some.
    """

    name: str
    bucket: str
    price: str
    is_sure: bool = False
    without: str = ""


_PARTS = (
    _Part("input_audio_tokens", "InputTokens", "InputAudio", without="cache_audio_read_tokens"),
    _Part("cache_audio_read_tokens", "CacheReadTokens", "CachedAudio"),
    _Part("output_audio_tokens", "OutputTokens", "OutputAudio"),
    _Part("input_image_tokens", "InputTokens", "InputImage", is_sure=True, without="cache_image_read_tokens"),
    _Part("cache_image_read_tokens", "CacheReadTokens", "CachedImage", is_sure=True),
    _Part("output_image_tokens", "OutputTokens", "OutputImage"),
    _Part("input_video_tokens", "InputTokens", "InputVideo", is_sure=True),
    _Part("output_video_tokens", "OutputTokens", "OutputVideo"),
    _Part("cache_write_1h_tokens", "CacheWriteTokens", "CacheWrite1h"),
)
_PRICES = (*_BUCKETS.values(), *(part.price for part in _PARTS), "WebSearches", "Requests")
# Others have prices that nobody publishes as data.
_STANDARD_TIERS = ("", "auto", "default", "standard", "standard_only", "on_demand")
_INPUT = TOKENS[:3]
_WORDS = {0: b"", REPORTED: b"reported", UNPRICED: b"unpriced"}
# Money is counted in whole 1e-12 USD, as 128 bits.
UNIT = pl.lit(Decimal("0.000000000001"))
PRICES: Columns = {
    "Tenant": pl.UInt32,
    "Provider": pl.Binary,
    "Model": pl.Binary,
    "ValidFrom": pl.Int64,
    "FromSecond": pl.Int64,
    "UntilSecond": pl.Int64,
    "AboveTokens": pl.UInt64,
    **dict.fromkeys(_PRICES, pl.Decimal(18, 12)),
}
"""The columns of prices: Unix seconds, seconds of the day in UTC, tokens of input; USD for a million tokens, and for a
thousand searches or calls."""


def with_costs(counted: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Return calls or runs with `Model`, `CostUSD`, `ReportedCostUSD`, `ComputedCostUSD` (1e-12 USD) and `CostSources`.

    Of `prices` those that hold for a call later in the frame win. A cost is partial where some tokens have no price, or
    are in doubt, or were served at a tier that has prices of its own. A report of nothing is none, where the tokens
    come to something.
    """
    counted = counted.with_columns(Model=model()).with_row_index("Place")
    is_tiered = ~pl.col("ServiceTier").cast(pl.String, strict=False).str.to_lowercase().is_in(_STANDARD_TIERS)
    used = counted.filter(uses_tokens()).select(
        *("Place", "Tenant", "Kind", "Provider", "Model", *TOKENS, "UsageParts", "StartedAt"),
        IsUnsure=pl.any_horizontal(*DOUBTS, "HasUnread", is_tiered.fill_null(True)),
    )
    computed = _computed(used, prices)
    is_reported = pl.col("ReportedCostUSD").is_not_null()
    is_unknown = (pl.col("ReportedCostUSD") == 0) & (pl.col("ComputedCostUSD") > 0)
    return (
        counted.join(computed, on="Place", how="left", maintain_order="left")
        .with_columns(ReportedCostUSD=pl.when(~is_unknown.fill_null(False)).then("ReportedCostUSD"))
        .with_columns(
            ReportedCostUSD=pl.col("ReportedCostUSD").cast(pl.Decimal(38, 12)).to_physical(),
            CostSources=pl.when(is_reported).then(REPORTED).otherwise(pl.col("Sources").fill_null(0)).cast(pl.UInt8),
        )
        .with_columns(CostUSD=pl.coalesce("ReportedCostUSD", "ComputedCostUSD"))
        .drop("Place", "Sources")
    )


def model() -> pl.Expr:
    """Return the model that a call used, as its span names it."""
    return first_said(["ResponseModel", "RequestModel"])


def uses_tokens() -> pl.Expr:
    """Return whether there is anything to price."""
    has_more = pl.col("HasUnread") | tells_parts()
    return (pl.col("Kind") != "tool") & (tells() | (pl.col("Kind").is_in(MODELS) & has_more))


def word(sources: pl.Expr) -> pl.Expr:
    """Return the word for the sources of a cost; of several the least sure."""
    unsure = (sources & (UNPRICED | PARTIAL)) != 0
    word = pl.when(unsure).then(pl.lit(b"partial")).otherwise(pl.lit(b"computed"))
    for alone, name in _WORDS.items():
        word = pl.when(sources == alone).then(pl.lit(name)).otherwise(word)
    return word


def _computed(used: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Return of each `Place` what its usage comes to, if it has a price, and what that was read from."""
    priced = used.join(_prices_of(used, prices), on="Place", how="left")
    plain, split = priced.filter(~tells_parts()), priced.filter(tells_parts())
    return pl.concat([_cost(plain), _cost(_split(split))] if split.height else [_cost(plain)])


def _split(priced: pl.DataFrame) -> pl.DataFrame:
    """Return it with the parts that have a price taken out of their buckets; `PartsUSD` is what they come to.

    It is unsure where a part is more than its bucket, or may be in another one.
    """
    counts = {part.price: _count(part.name) for part in _PARTS}
    for part in _PARTS:
        if part.without:
            counts[part.price] = (counts[part.price] - _count(part.without)).clip(0)
    split = priced.with_columns(**{f"{name}Count": count for name, count in counts.items()})
    left = {
        bucket: _many(bucket) - pl.sum_horizontal(_taken(part) for part in _PARTS if part.bucket == bucket)
        for bucket in dict.fromkeys(part.bucket for part in _PARTS)
    }
    usd = [_taken(part) * pl.col(part.price).to_physical().fill_null(0) for part in _PARTS]
    searches = _count("web_searches")
    usd.append(searches * pl.col("WebSearches").to_physical().fill_null(0) * _THOUSAND)
    return split.with_columns(
        **{bucket: pl.when(pl.col(bucket).is_not_null()).then(count.clip(0)) for bucket, count in left.items()},
        PartsUSD=pl.sum_horizontal(usd),
        IsUnsure=pl.any_horizontal(
            "IsUnsure",
            (searches > 0) & pl.col("WebSearches").is_null(),
            *_doubts(),
            *(each < 0 for each in left.values()),
        ),
    )


def _doubts() -> Iterator[pl.Expr]:
    for part in _PARTS:
        count = pl.col(f"{part.price}Count")
        yield (count > pl.col(part.bucket).fill_null(0)) & (count > 0)
        if not part.is_sure:
            yield (count > 0) & pl.col(part.price).is_null()
        if part.without:
            # Nobody says how many of them a cache held.
            differs = pl.col(part.price).is_not_null() & (count > 0) & (_count(part.without) == 0)
            yield differs & (pl.col("CacheReadTokens").fill_null(0) > 0)


def _taken(part: _Part) -> pl.Expr:
    return pl.when(pl.col(part.price).is_not_null()).then(f"{part.price}Count").otherwise(0)


def _count(name: str) -> pl.Expr:
    return pl.col("UsageParts").map.get(name.encode()).fill_null(0).cast(pl.Int128)


def _many(name: str) -> pl.Expr:
    return pl.col(name).fill_null(0).cast(pl.Int128)


def _cost(priced: pl.DataFrame) -> pl.DataFrame:
    tokens = [_many(name) for name in TOKENS]
    lacks = [(count > 0) & pl.col(price).is_null() for count, price in zip(tokens, _BUCKETS.values(), strict=True)]
    parts = pl.col("PartsUSD") if "PartsUSD" in priced.columns else pl.lit(0, pl.Int128)
    uses = pl.sum_horizontal(*(count > 0 for count in tokens), parts > 0)
    missing = pl.sum_horizontal(lacks)
    is_priced = tells(_PRICES) & tells() & ((uses == 0) | (missing < uses))
    fee = pl.when(pl.col("Kind").is_in(MODELS)).then(pl.col("Requests").to_physical()).fill_null(0) * _THOUSAND
    usd = pl.sum_horizontal(
        *(
            count * pl.col(price).to_physical().fill_null(0)
            for count, price in zip(tokens, _BUCKETS.values(), strict=True)
        ),
        parts,
        fee,
    )
    return priced.select(
        "Place",
        ComputedCostUSD=pl.when(is_priced).then(usd // _MILLION),
        Sources=pl.when(~is_priced)
        .then(UNPRICED)
        .when((missing > 0) | pl.col("IsUnsure"))
        .then(PARTIAL)
        .otherwise(COMPUTED),
    )


def _prices_of(used: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Return the price that holds for each `Place`, where there is one."""
    second = pl.col("StartedAt").dt.epoch("s")
    of_day = second % _DAY_S
    whole = pl.sum_horizontal(_many(name) for name in _INPUT)
    over_midnight = pl.col("FromSecond") > pl.col("UntilSecond")
    has_begun, goes_on = of_day >= pl.col("FromSecond"), of_day < pl.col("UntilSecond")
    holds = (
        # From 0 on is ever.
        ((pl.col("ValidFrom") == 0) | (pl.col("ValidFrom") <= second))
        & ((pl.col("AboveTokens") == 0) | (pl.col("AboveTokens") < whole))
        & pl.when(over_midnight).then(has_begun | goes_on).otherwise(has_begun & goes_on)
    )
    return (
        used.join(prices.with_row_index("Rank"), on=["Tenant", "Provider", "Model"])
        .filter(holds)
        .sort("Rank")
        .unique("Place", keep="last")
        .select("Place", *_PRICES)
    )
