"""The calls of models that several instrumentations tell of, each by itself: beside each other, or in several traces.

An instrumentation tells of a call once, so that what one tells twice under one response id are two. Tellings of one
response by several are one call where they overlap in time, and so are failures of one process, which have no response,
where one is within the other and names the same model or provider. Else neither names nor tokens must agree: the fuller
are taken. Spans of one scope may be of two instrumentations where their names differ, and then they must agree.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from spanhouse_schema.derive.rules import model_names
from spanhouse_schema.derive.rules.buckets import DOUBTS, USAGE, with_buckets
from spanhouse_schema.derive.rules.columns import PARTS, TOKENS, Columns, kind, kinds_told, parts_told, said

CLOCKS_NS = 2_000_000_000
"""By so much the clocks of two processes may differ, in nanoseconds."""
# A telling is compared with so many calls that began before it.
_MOST_COMPARED = 50
_NAMES = ("Provider", "RequestModel", "ResponseModel")
RIVALS: Columns = {
    "Tenant": pl.UInt32,
    **dict.fromkeys(("TraceId", "SpanId", "ParentSpanId", "ScopeName", "ServiceName", "SessionId"), pl.Binary),
    **dict.fromkeys(("Signature", "Process"), pl.UInt64),
    **dict.fromkeys(("StartedAt", "EndedAt"), pl.Datetime("ns", "UTC")),
    **dict.fromkeys((*_NAMES, "ResponseId"), pl.Binary),
    **dict.fromkeys(USAGE, pl.UInt64),
    "UsageParts": PARTS,
    "ServiceTier": pl.Binary,
    **dict.fromkeys(("FromLog", "Failed", "HasUnread"), pl.Boolean),
    "ReportedCostUSD": pl.Decimal(18, 12),
}
"""The columns of the spans of other traces that may tell of the same calls."""
_OF_USAGE: Columns = {
    **dict.fromkeys(TOKENS, pl.UInt64),
    **dict.fromkeys((*DOUBTS, "HasUnread"), pl.Boolean),
}
_SAID: Columns = _OF_USAGE | {name: RIVALS[name] for name in ("UsageParts", "ReportedCostUSD", "ServiceTier", *_NAMES)}

_OF_FIRST = ("Rank", "CallRow", "Process", "Instrumentations", "Scopes")


class _Telling(NamedTuple):
    """What an instrumentation, or several below each other, tell of one call, and the fullest that they say of it."""

    # Of those that tell of one call the least counts.
    rank: int
    # None of a trace that is not derived.
    call_row: int | None
    # Hashes of scope and name.
    instrumentations: frozenset[int]
    scopes: frozenset[bytes]
    process: int
    start: int
    end: int
    has_ended: bool
    fullness: tuple[int, int]
    said: dict[str, Any]


_AreOne: TypeAlias = Callable[[_Telling, _Telling], bool]


class Told(NamedTuple):
    """What becomes of calls for what others tell: the `CallRow` of those that do not count, and what others say."""

    lost: pl.Series
    # By the `CallRow` of a call that counts: the fullest that others say of it.
    fuller: pl.DataFrame


def told_once(spans: pl.DataFrame, rivals: pl.DataFrame) -> Told:
    """Return which calls others tell of. `rivals` are the spans of traces that are not derived."""
    if not rivals.is_empty():
        trace = pl.struct("Tenant", "TraceId").rank("dense").cast(pl.UInt32)
        rivals = with_buckets(rivals.with_columns(Trace=trace, Kind=kind("model"))).drop("Trace", "Kind")
    own = spans.filter(pl.col("CallRow").is_not_null() & (pl.col("Kind") == "model"))
    calls = [*_calls(_responses(own, rivals), _overlap), *_calls(_failures(own, rivals), _fail_together)]
    # None is a call of a trace that is not derived.
    lost = {None, *(telling.call_row for _, *others in calls for telling in others)}
    fuller = {
        first.call_row: max(others, key=lambda each: each.fullness).said
        for first, *others in calls
        if others and first.call_row not in lost
    }
    rows = [{"CallRow": row, **said} for row, said in fuller.items()]
    return Told(
        pl.Series(sorted(row for row in lost if row is not None), dtype=pl.UInt32),
        pl.DataFrame(rows, schema={"CallRow": pl.UInt32, **_SAID}),
    )


def with_fuller(calls: pl.DataFrame, fuller: pl.DataFrame) -> pl.DataFrame:
    """Return the calls with what others say of them: tokens that are fuller, and what they do not say themselves."""
    if fuller.is_empty():
        return calls
    both = calls.join(
        fuller, left_on="CountedRow", right_on="CallRow", how="left", suffix="Other", maintain_order="left"
    )
    (known, total), (known_there, total_there) = _fullness(), _fullness("Other")
    is_fuller = (known_there > known) | ((known_there == known) & (total_there > total))
    has_more_parts = parts_told("Other") > parts_told()
    cost, cost_there = pl.col("ReportedCostUSD"), pl.col("ReportedCostUSDOther")
    return both.with_columns(
        *(pl.when(is_fuller).then(f"{name}Other").otherwise(name).alias(name) for name in _OF_USAGE),
        *(
            pl.when(said(name)).then(name).otherwise(pl.col(f"{name}Other").fill_null(b"")).alias(name)
            for name in ("ServiceTier", *_NAMES)
        ),
        UsageParts=pl.when(has_more_parts).then("UsagePartsOther").otherwise("UsageParts"),
        # Zero is often said by who does not know.
        ReportedCostUSD=pl.when(cost > 0)
        .then(cost)
        .when(cost_there > 0)
        .then(cost_there)
        .otherwise(pl.coalesce(cost, cost_there)),
    ).select(calls.columns)


def _responses(own: pl.DataFrame, rivals: pl.DataFrame) -> Iterator[list[_Telling]]:
    response = ["Tenant", "ResponseId"]
    told, others = own.filter(said("ResponseId")), rivals.filter(said("ResponseId"))
    several = pl.concat([told.filter(told.select(response).is_duplicated()).select(response), others.select(response)])
    return _tellings(told.join(several.unique(), on=response, how="semi"), others, own, response)


def _failures(own: pl.DataFrame, rivals: pl.DataFrame) -> Iterator[list[_Telling]]:
    failed = own.filter((pl.col("Row") == pl.col("CallRow")) & "Failed")
    without_response = failed.join(own.filter(said("ResponseId")), on="CallRow", how="anti")
    others = rivals.filter(pl.col("Failed") & ~said("ResponseId"))
    return _tellings(without_response, others, own, ["Tenant", "Process"])


def _tellings(
    told: pl.DataFrame, rivals: pl.DataFrame, own: pl.DataFrame, group: list[str]
) -> Iterator[list[_Telling]]:
    """Yield the tellings of each group, as they began, where several instrumentations tell of several calls."""
    both = (
        pl.concat([told, rivals.join(told, on=group, how="semi")], how="diagonal_relaxed")
        .with_row_index("Number")
        .with_columns(Caller=pl.coalesce("CallRow", pl.col("Number") + 2**31))
        .filter(*(pl.col(name).n_unique().over(group) > 1 for name in ("Signature", "Caller")))
    )
    if both.is_empty():
        return
    tellers = {"Instrumentations": pl.col("Signature").unique(), "Scopes": pl.col("ScopeName").unique()}
    of_calls = own.join(both, on="CallRow", how="semi").group_by("CallRow").agg(**tellers)
    known, total = _fullness()
    rows = (
        both.join(of_calls, on="CallRow", how="left")
        .with_columns(
            pl.coalesce("Instrumentations", pl.concat_list("Signature")),
            pl.coalesce("Scopes", pl.concat_list("ScopeName")),
        )
        # A span below others knows whose the call is.
        .with_columns(IsRoot=pl.col("ParentSpanId") == b"", Known=known, Total=total)
        .sort("IsRoot", "StartedAt", "TraceId", "SpanId")
        .with_row_index("Rank")
        .group_by(*group, "Caller", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in _OF_FIRST if name not in group),
            Start=pl.col("StartedAt").to_physical().min(),
            End=pl.col("EndedAt").fill_null(pl.col("StartedAt")).to_physical().max(),
            HasEnded=pl.col("EndedAt").is_not_null().all(),
            Known=pl.col("Known").max(),
            Total=pl.col("Total").sort_by("Known", "Total").last(),
            Said=pl.struct(*_SAID).sort_by("Known", "Total", descending=True, maintain_order=True).first(),
        )
        .sort(*group, "Start", "End", "Rank", descending=[*(False for _ in group), False, True, False])
    )
    for _, of_group in groupby(rows.iter_rows(named=True), key=lambda row: [row[name] for name in group]):
        yield [_telling(row) for row in of_group]


def _telling(row: dict[str, Any]) -> _Telling:
    return _Telling(
        row["Rank"],
        row["CallRow"],
        frozenset(row["Instrumentations"]),
        frozenset(row["Scopes"]),
        row["Process"],
        row["Start"],
        row["End"],
        row["HasEnded"],
        (row["Known"], row["Total"]),
        row["Said"],
    )


def _calls(groups: Iterator[list[_Telling]], are_one: _AreOne) -> Iterator[list[_Telling]]:
    """Yield the tellings of each call, that which counts first."""
    for tellings in groups:
        calls: list[list[_Telling]] = []
        open_calls: list[list[_Telling]] = []
        everybody = len(frozenset[int]().union(*(telling.instrumentations for telling in tellings)))
        for telling in tellings:
            near = [call for call in open_calls if all(are_one(other, telling) for other in call)]
            if near:
                call = min(near, key=lambda call: _distance(call[0], telling))
                call.append(telling)
                if sum(len(each.instrumentations) for each in call) == everybody:
                    open_calls.remove(call)
            else:
                calls.append([telling])
                in_time = (call for call in open_calls if _may_overlap(call, telling))
                open_calls = [*in_time, calls[-1]][-_MOST_COMPARED:]
        yield from map(sorted, calls)


def _may_overlap(call: list[_Telling], later: _Telling) -> bool:
    return any(telling.end + CLOCKS_NS >= later.start for telling in call)


def _distance(one: _Telling, other: _Telling) -> int:
    return abs(one.start - other.start) + abs(one.end - other.end)


def _overlap(one: _Telling, later: _Telling) -> bool:
    tolerance = 0 if one.process == later.process else CLOCKS_NS
    if not one.instrumentations.isdisjoint(later.instrumentations) or later.start > one.end + tolerance:
        return False
    return one.scopes.isdisjoint(later.scopes) or _agree(one, later)


def _agree(one: _Telling, other: _Telling) -> bool:
    """Return whether both say the same model and as many tokens, where they say any."""
    (known, total), (known_there, total_there) = one.fullness, other.fullness
    models, models_there = ({name for what, name in _names(each) if what == "model"} for each in (one, other))
    is_one_model = not models or not models_there or not models.isdisjoint(models_there)
    return is_one_model and (not known or not known_there or total == total_there)


def _fail_together(one: _Telling, later: _Telling) -> bool:
    if not (one.scopes.isdisjoint(later.scopes) and one.has_ended and later.has_ended):
        return False
    # Of two that began at once the first ends later.
    return later.end <= one.end and not _names(one).isdisjoint(_names(later))


def _names(telling: _Telling) -> frozenset[tuple[str, str]]:
    """Return the models that a telling names, and the provider, however they are spelled."""
    provider, *models = (telling.said[name].decode(errors="replace") for name in _NAMES)
    sellers = model_names.read(provider, "").sellers
    families = (model_names.read("", model).family for model in models)
    named = (*(("provider", seller) for seller in sellers), *(("model", family) for family in families))
    return frozenset((what, name) for what, name in named if name)


def _fullness(suffix: str = "") -> tuple[pl.Expr, pl.Expr]:
    """Return how many kinds of tokens are told, and how many tokens."""
    tokens = [pl.col(f"{name}{suffix}") for name in TOKENS]
    return kinds_told(suffix), pl.sum_horizontal(each.fill_null(0).cast(pl.Int128) for each in tokens)
