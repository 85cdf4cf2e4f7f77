"""The buckets of tokens, of which each token is in one: a part that the whole includes is taken out of it.

Emitters differ: some count cached tokens inside the input, and reasoning inside the output, some beside it. Evidence
decides, the strongest first: a total that the span gives; what is known of its emitter; what other spans of the emitter
prove in the same trace; what the provider documents. If there is none, or it contradicts itself, the side is in
doubt: each side by itself.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple

import polars as pl

from spanhouse_schema.conventions import PartRule, part_rules
from spanhouse_schema.derive.rules.columns import TOKENS, first_said

INSIDE, BESIDE = True, False
DOUBTS = ("InputTokensInconsistent", "OutputTokensInconsistent")
_EMITTER = ["ScopeName", "Provider", "Model"]
_MANY = pl.Int128


class _Side(NamedTuple):
    """The input or the output: the bucket that is left of the whole without its parts, and the column of doubts."""

    part: str
    bucket: str
    whole: str
    parts: tuple[str, ...]
    doubt: str

    @property
    def inside(self) -> str:
        """The column that says whether the parts are inside the whole."""
        return f"{self.part}Inside"


_SIDES = (
    _Side("cached", "InputTokens", "WholeInputTokens", ("CacheReadTokens", "CacheWriteTokens"), DOUBTS[0]),
    _Side("reasoning", "OutputTokens", "WholeOutputTokens", ("ReasoningTokens",), DOUBTS[1]),
)

USAGE = (*TOKENS, *(side.whole for side in _SIDES), "TotalTokens")
"""What a span says of tokens."""


def with_buckets(spans: pl.DataFrame) -> pl.DataFrame:
    """Return the spans with `columns.TOKENS` as disjoint buckets, with `DOUBTS`, and with `HasUnread`.

    The last says whether a span tells of tokens that are in no bucket. What uses no tokens tells of none.
    """
    told = spans.with_columns(Place=pl.int_range(pl.len()))
    decided = _decided(told.filter(_is_open()))
    uses_none = pl.col("Kind").is_in(["other", "chain"])
    buckets = (
        told.join(decided, on="Place", how="left", maintain_order="left")
        .with_columns(*map(_bucket, _SIDES))
        .with_columns(HasUnread=pl.col("HasUnread") | pl.col("HasMore").fill_null(False))
        .with_columns(
            *(pl.when(~uses_none).then(name).alias(name) for name in TOKENS),
            *(pl.col(name).fill_null(False) & ~uses_none for name in (*DOUBTS, "HasUnread")),
        )
    )
    return buckets.drop(
        "Place", "TotalTokens", "HasMore", *(name for side in _SIDES for name in (side.whole, side.inside))
    )


def _is_open() -> pl.Expr:
    """Whether there is anything to decide, or to check."""
    has_parts = pl.any_horizontal(pl.col(name) > 0 for side in _SIDES for name in side.parts)
    return has_parts.fill_null(False) | pl.col("TotalTokens").is_not_null()


def _counts(side: _Side) -> dict[str, pl.Expr]:
    part = pl.sum_horizontal(pl.col(name).fill_null(0).cast(_MANY) for name in side.parts)
    return {
        f"{side.part}Part": part,
        # What is told apart is beside the parts, unless a total says otherwise.
        f"{side.part}Whole": pl.coalesce(side.bucket, side.whole).cast(_MANY),
        f"{side.part}IsApart": pl.col(side.bucket).is_not_null(),
    }


def _decided(told: pl.DataFrame) -> pl.DataFrame:
    """Return of each `Place` where the parts of a side are (None: unknown), what is in doubt, and `HasMore`."""
    model = first_said(["ResponseModel", "RequestModel"])
    counts = {name: value for side in _SIDES for name, value in _counts(side).items()}
    found = told.select("Place", "Trace", "ScopeName", "Provider", "TotalTokens", Model=model, **counts)
    found = _by_total(found).join(_known(found), on=_EMITTER, how="left", maintain_order="left")
    for side in _SIDES:
        found = _with_place(found, side)
    used = pl.sum_horizontal(_used(side, pl.col(side.inside).fill_null(INSIDE)) for side in _SIDES)
    is_less = (pl.col("TotalTokens") < used).fill_null(False)
    return found.select(
        "Place",
        *(side.inside for side in _SIDES),
        *(pl.col(side.doubt) | (is_less & pl.col(f"{side.part}Whole").is_not_null()) for side in _SIDES),
        HasMore=(pl.col("TotalTokens") > used).fill_null(False),
    )


def _used(side: _Side, inside: pl.Expr) -> pl.Expr:
    """Return how many tokens a side used, its parts being inside or not."""
    part, whole = pl.col(f"{side.part}Part"), pl.col(f"{side.part}Whole")
    return pl.when(inside & (part <= whole)).then(whole).otherwise(whole.fill_null(0) + part)


def _by_total(found: pl.DataFrame) -> pl.DataFrame:
    """Return it with what the total says of each side: of all ways to count, those that come to it."""
    one, other = _SIDES
    comes_to = {
        (first, second): _may_be(one, first)
        & _may_be(other, second)
        & (_used(one, pl.lit(first)) + _used(other, pl.lit(second)) == pl.col("TotalTokens"))
        for first in (INSIDE, BESIDE)
        for second in (INSIDE, BESIDE)
    }
    is_known = pl.any_horizontal(pl.col(f"{side.part}Whole").is_not_null() for side in _SIDES)
    ways = {
        one.part: {place: comes_to[place, INSIDE] | comes_to[place, BESIDE] for place in (INSIDE, BESIDE)},
        other.part: {place: comes_to[INSIDE, place] | comes_to[BESIDE, place] for place in (INSIDE, BESIDE)},
    }
    return found.with_columns(
        *(
            pl.when(is_known & way[INSIDE] & ~way[BESIDE])
            .then(pl.lit(INSIDE))
            .when(is_known & way[BESIDE] & ~way[INSIDE])
            .then(pl.lit(BESIDE))
            .alias(f"{part}ByTotal")
            for part, way in ways.items()
        ),
        TotalFits=pl.any_horizontal(comes_to.values()),
    )


def _may_be(side: _Side, inside: bool) -> pl.Expr:
    """Return whether the parts fit where that is; without parts there is one way to count only."""
    part, whole = pl.col(f"{side.part}Part"), pl.col(f"{side.part}Whole")
    return ((part <= whole) if inside else (part > 0)).fill_null(not inside) | ((part == 0) & pl.lit(inside))


def _with_place(found: pl.DataFrame, side: _Side) -> pl.DataFrame:
    part, whole, total = (pl.col(f"{side.part}{name}") for name in ("Part", "Whole", "ByTotal"))
    emitter, default, apart = (pl.col(f"{side.part}{name}") for name in ("ByEmitter", "ByDefault", "IsApart"))
    is_open = (part > 0) & whole.is_not_null()
    shown = pl.when(is_open).then(pl.coalesce(total, pl.when(apart | (part > whole)).then(pl.lit(BESIDE))))
    group = ["Trace", "ScopeName", "Provider"]
    inside, beside = shown.any().over(group).fill_null(False), (~shown).any().over(group).fill_null(False)
    proof = pl.when(inside & ~beside).then(pl.lit(INSIDE)).when(beside & ~inside).then(pl.lit(BESIDE))
    known = pl.when(apart).then(pl.lit(BESIDE)).otherwise(emitter)
    place = pl.coalesce(total, known, proof, default)
    is_contradicted = (
        # More than the whole cannot be in it.
        (place & (part > whole))
        | (total.is_null() & known.is_not_null() & (known != proof))
        | (total.is_null() & known.is_null() & inside & beside)
        | (pl.col("TotalTokens").is_not_null() & ~pl.col("TotalFits"))
    )
    return found.with_columns(
        pl.when(is_open).then(place).alias(side.inside),
        (is_open & (place.is_null() | is_contradicted.fill_null(False))).alias(side.doubt),
    )


def _bucket(side: _Side) -> pl.Expr:
    """Return what is left of the whole; where nobody knows where the parts are, inside is the likelier."""
    part = pl.sum_horizontal(pl.col(name).fill_null(0).cast(_MANY) for name in side.parts)
    whole = pl.coalesce(side.bucket, side.whole).cast(_MANY)
    is_inside = pl.col(side.inside).fill_null(pl.col(side.bucket).is_null()) & (part <= whole)
    return (whole - pl.when(is_inside).then(part).otherwise(0)).cast(pl.UInt64).alias(side.bucket)


def _known(found: pl.DataFrame) -> pl.DataFrame:
    """Return of each emitter whether it counts a part inside: as its own rule says, and as its provider documents."""
    emitters = found.select(_EMITTER).unique()
    rules = [
        [_place(side.part, is_emitters, *row) for side in _SIDES for is_emitters in (True, False)]
        for row in emitters.rows()
    ]
    names = [f"{side.part}{name}" for side in _SIDES for name in ("ByEmitter", "ByDefault")]
    return pl.concat(
        [emitters, pl.DataFrame(rules, schema=dict.fromkeys(names, pl.Boolean), orient="row")], how="horizontal"
    )


# A client may name as many models as it likes.
@lru_cache(4096)
def _place(part: str, is_emitters: bool, *emitter: bytes) -> bool | None:
    for rule, patterns in _rules(part):
        if bool(rule.scope) == is_emitters and all(
            pattern.fullmatch(text) for pattern, text in zip(patterns, emitter, strict=True) if pattern
        ):
            return INSIDE if rule.place == "inside" else BESIDE
    return None


@cache
def _rules(part: str) -> list[tuple[PartRule, list[re.Pattern[bytes] | None]]]:
    return [
        (rule, [_pattern(text) for text in (rule.scope, rule.provider, rule.model)])
        for rule in part_rules()
        if rule.part == part
    ]


def _pattern(text: str) -> re.Pattern[bytes] | None:
    """`%` stands for any text, and nothing for everything."""
    if not text:
        return None
    return re.compile(b".*".join(re.escape(piece.encode()) for piece in text.split("%")), re.DOTALL | re.IGNORECASE)
