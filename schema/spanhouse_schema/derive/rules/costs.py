"""The cost of calls and runs: as their span reports, otherwise their tokens at the prices of their time."""

from decimal import Decimal

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
)

_DAY_S = 86_400
_MILLION = 10**6
_PRICES = ("Input", "CacheRead", "CacheWrite", "Output", "Reasoning")
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
"""The columns of prices: Unix seconds, seconds of the day in UTC, tokens of input; USD for a million tokens."""


def with_costs(counted: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Return calls or runs with `Model`, `CostUSD`, `ReportedCostUSD`, `ComputedCostUSD` (1e-12 USD) and `CostSources`.

    Of `prices` those that hold for a call later in the frame win. A cost is partial where some tokens have no price, or
    are in doubt. A report of nothing is none, where the tokens come to something.
    """
    counted = counted.with_columns(Model=model()).with_row_index("Place")
    is_unsure = pl.any_horizontal(*DOUBTS, "HasUnread")
    used = counted.filter(uses_tokens()).select(
        "Place", "Tenant", "Kind", "Provider", "Model", *TOKENS, "StartedAt", IsUnsure=is_unsure
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
    return (pl.col("Kind") != "tool") & (tells() | (pl.col("Kind").is_in(MODELS) & pl.col("HasUnread")))


def word(sources: pl.Expr) -> pl.Expr:
    """Return the word for the sources of a cost; of several the least sure."""
    unsure = (sources & (UNPRICED | PARTIAL)) != 0
    word = pl.when(unsure).then(pl.lit(b"partial")).otherwise(pl.lit(b"computed"))
    for alone, name in _WORDS.items():
        word = pl.when(sources == alone).then(pl.lit(name)).otherwise(word)
    return word


def _computed(used: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Return of each `Place` what its tokens come to, if they have a price, and what that was read from."""
    tokens = [pl.col(name).fill_null(0).cast(pl.Int128) for name in TOKENS]
    lacks = [(count > 0) & pl.col(price).is_null() for count, price in zip(tokens, _PRICES, strict=True)]
    uses = pl.sum_horizontal(count > 0 for count in tokens)
    missing = pl.sum_horizontal(lacks)
    is_priced = tells(_PRICES) & tells() & ((uses == 0) | (missing < uses))
    usd = pl.sum_horizontal(
        count * pl.col(price).to_physical().fill_null(0) for count, price in zip(tokens, _PRICES, strict=True)
    )
    return used.join(_prices_of(used, prices), on="Place", how="left").select(
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
    whole = pl.sum_horizontal(pl.col(name).fill_null(0).cast(pl.Int128) for name in _INPUT)
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
