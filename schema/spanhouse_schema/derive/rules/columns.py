"""Words and columns that several rules share.

Texts are bytes: whoever inserts by other ways than ours may write anything. `Trace` is a trace's number among those
derived at once, and `Row` a span's number among theirs.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import polars as pl

Columns: TypeAlias = dict[str, pl.DataType | type[pl.DataType]]
"""The columns of a frame, with their types."""

KIND = pl.Enum(["other", "chain", "agent", "workflow", "model", "embedding", "tool", "implicit"])
RUNS = ("agent", "workflow")
MODELS = ("model", "embedding")
CALLS = (*MODELS, "tool")
FINAL = (b"completed", b"failed", b"cancelled")
TOKENS = ("InputTokens", "CacheReadTokens", "CacheWriteTokens", "OutputTokens", "ReasoningTokens")
PARTS = pl.Map(pl.Binary, pl.UInt64)
"""The type of `UsageParts`: counts by the names of `conventions.PARTS`."""
_MORE_THAN_PARTS = 16
EXECUTION = ["Trace", "ExecutionId"]
OWNERS = ("SessionId", "UserId", "ClientAccountId", "EngagementId", "CaseId", "FlowId")
# Which a cost was read from, as bits; 0 is none of them.
REPORTED, COMPUTED, UNPRICED, PARTIAL = 1, 2, 4, 8

_MOST_TOKENS = 2**64 - 1
_NOTHING = pl.lit(b"")


def kind(name: str) -> pl.Expr:
    """Return a kind, as a value of its column."""
    return pl.lit(name, dtype=KIND)


def calls_by_kind() -> dict[str, pl.Expr]:
    """Return how many calls there are of models and embeddings, how many of models failed, how many have no price."""
    is_model = pl.col("Kind") == "model"
    counts = {
        "ModelCalls": is_model,
        "FailedModelCalls": is_model & pl.col("Failed"),
        "EmbeddingCalls": pl.col("Kind") == "embedding",
        "UnpricedCalls": pl.col("CostSources") == UNPRICED,
    }
    return {name: which.sum().cast(pl.UInt32) for name, which in counts.items()}


def said(name: str) -> pl.Expr:
    """Return whether a text says anything."""
    return pl.col(name) != b""


def first_said(names: Sequence[str | pl.Expr]) -> pl.Expr:
    """Return the first text that says anything; b"" where none does."""
    texts = (pl.col(each) if isinstance(each, str) else each for each in names)
    return pl.coalesce(*(pl.when(text != b"").then(text) for text in texts), _NOTHING)


def tells(names: Iterable[str] = TOKENS) -> pl.Expr:
    """Return whether any of these is known."""
    return pl.any_horizontal(pl.col(name).is_not_null() for name in names)


def kinds_told(suffix: str = "") -> pl.Expr:
    """Return how much is told of: first how many kinds of tokens, then how many parts of them."""
    known = pl.sum_horizontal(pl.col(f"{name}{suffix}").is_not_null() for name in TOKENS)
    return known * _MORE_THAN_PARTS + parts_told(suffix)


def parts_told(suffix: str = "") -> pl.Expr:
    """Return how many parts of the usage are told of."""
    return pl.col(f"UsageParts{suffix}").map.len().fill_null(0)


def tells_parts() -> pl.Expr:
    """Return whether any part of the usage is told of."""
    return parts_told() > 0


def sum_known(values: pl.Expr) -> pl.Expr:
    """Return the sum of those that are known, as 128 bits; None where none is."""
    return pl.when(values.count() > 0).then(values.cast(pl.Int128).sum())


def as_tokens(sums: pl.Expr) -> pl.Expr:
    """Return a sum as 64 bits without a sign; one that they cannot hold is unknown."""
    return pl.when(sums <= _MOST_TOKENS).then(sums).cast(pl.UInt64)
