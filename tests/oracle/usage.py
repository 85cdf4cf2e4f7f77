"""The tokens of each span: what it says of them, and the disjoint buckets that it comes to."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from spanhouse_schema.conventions import PARTS, part_rules, spellings
from tests.oracle.spelling import inside

BUCKETS = ("InputTokens", "CacheReadTokens", "CacheWriteTokens", "OutputTokens", "ReasoningTokens")
INSIDE, BESIDE = "inside", "beside"
_CACHED, _REASONING = ("CacheReadTokens", "CacheWriteTokens"), ("ReasoningTokens",)
_MOST = 10**18
_COUNTED = ("Tokens", "Searches")
_OTHER = [
    re.compile(pattern)
    for pattern in (
        r"(^|[._: -])(max|min|limit|budget|remaining|window|capacity|threshold|rate|ratio|percent|speed|time)",
        r"(^|[._: -])(requests?|auth|csrf|session|cpu|memory|disk)",
        r"(max|limit|budget)[._]?(input|output|completion|prompt)?[._]?tokens|tokens?[._]?(limit|budget|per|id)",
        r"per[._]?(second|sec|minute|token)|cost|price|usd|latency|duration|time_?to|usage_?count",
        r"(^|[^a-z])text([._]?(input|output|prompt|candidates|completion|cached?|read))*([._]?tokens?)?$",
    )
]


class Emitter(NamedTuple):
    """Who wrote a span, as far as the rules of parts ask."""

    scope: str
    provider: str
    model: str


class Report(NamedTuple):
    """What a span says: counts by concept, and what stands under names that nobody reads."""

    told: Mapping[str, int]
    unread: Sequence[tuple[str, int]]


class Use(NamedTuple):
    """What a span comes to: buckets, the sides that are in doubt, and whether some tokens are in no bucket."""

    buckets: Mapping[str, int]
    doubts: frozenset[str]
    has_unread: bool
    # What has prices of its own, by the names of genai-prices.
    parts: Mapping[str, int]


NOTHING = Use({}, frozenset(), False, {})


def report(attributes: Mapping[str, str], said: Mapping[str, str]) -> Report:
    """What attributes say of tokens."""
    told = {
        concept: count
        for concept, text in said.items()
        if concept.endswith(_COUNTED) and (count := tokens(text)) is not None and (count or concept not in PARTS)
    }
    candidates = {name: text for name, text in attributes.items() if re.search("token|usage", name, re.IGNORECASE)}
    if "TotalTokens" not in told:
        totals = (_total(name, text) for name, text in sorted(candidates.items()))
        if (total := next((total for total in totals if total is not None), None)) is not None:
            told["TotalTokens"] = total
    unread = [(name, count) for name, count in _leaves(attributes, candidates) if _is_news(name, count, told)]
    return Report(told, unread)


def _total(name: str, text: str) -> int | None:
    if re.search(r"(?<!t[.])(total[._]?tokens?([._]?count)?|tokens?[._]total)$", name, re.IGNORECASE):
        return tokens(text)
    inside_json = re.search(r'"total_?tokens?(?:_?count)?\\*" *: *\\*"?([0-9]+)', text, re.IGNORECASE)
    return tokens(inside_json[1]) if text.startswith("{") and inside_json else None


def tokens(text: str) -> int | None:
    """The count that a text is."""
    return int(text) if re.fullmatch(r"\+?[0-9]+", text) and len(text) <= 18 else None


def tier(attributes: Mapping[str, str]) -> str:
    """The service tier that attributes of usage tell of, by the name of one or in JSON."""
    for name, text in sorted(attributes.items()):
        in_json = re.search(r'"service_?tier\\*" *: *\\*"([a-z_]+)', text, re.IGNORECASE)
        if re.search("service_?tier$", name, re.IGNORECASE):
            found = text
        else:
            found = in_json[1] if in_json and re.search("token|usage|service_?tier", name, re.IGNORECASE) else ""
        if found:
            return found
    return ""


def parts(each: Report) -> dict[str, int]:
    """The parts that a span tells of, by the names of genai-prices."""
    return {key: count for concept, key in PARTS.items() if (count := each.told.get(concept))}


def used(reports: Mapping[str, tuple[Emitter, Report]]) -> dict[str, Use]:
    """What the spans of one trace come to, by their ids."""
    shown: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for emitter, each in reports.values():
        for side in (_CACHED, _REASONING):
            if place := _shown(each, side):
                shown[emitter[:2]].add((side[0], place))
    return {span_id: _use(emitter, each, shown[emitter[:2]]) for span_id, (emitter, each) in reports.items()}


def _leaves(attributes: Mapping[str, str], candidates: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    known = {each.attribute for each in spellings() if each.concept.endswith(_COUNTED) and not each.path}
    for name, text in candidates.items():
        if name not in known and (count := tokens(text)):
            yield name, count
    hidden = [(name, json.dumps(inside(attributes.get(name, ""), path))) for name, path in sorted(_elsewhere())]
    for name, text in [*candidates.items(), *hidden]:
        # In JSON that was cut, and in JSON that is a text in JSON, too.
        found = re.findall(r'"([^"\\]*)\\*" *: *\\*"?([0-9]+)', text) if text.startswith("{") else []
        yield from ((f"{name}: {leaf}", int(count)) for leaf, count in found if tokens(count))


def _elsewhere() -> set[tuple[str, tuple[str, ...]]]:
    found = set()
    for each in spellings():
        if each.concept.endswith(_COUNTED) and each.path and not re.search("token|usage", each.attribute):
            path = each.path
            found.add((each.attribute, path[: path.index("usage") + 1] if "usage" in path else path[:-1]))
    return found


def _is_news(name: str, count: int, told: Mapping[str, int]) -> bool:
    """Whether it is usage, and none that is told under a name that is read."""
    if any(pattern.search(name.lower()) for pattern in _OTHER):
        return False
    n = {
        concept: told.get(concept, 0)
        for concept in (*BUCKETS, "UncachedInputTokens", "UnreasonedOutputTokens", "TotalTokens")
    }
    cached = n["CacheReadTokens"] + n["CacheWriteTokens"]
    of_parts = {told.get(concept, 0) for concept in PARTS}
    if re.search("cach", name, re.IGNORECASE):
        return count not in {n["CacheReadTokens"], n["CacheWriteTokens"], cached, *of_parts}
    if re.search("reason|thought|think", name, re.IGNORECASE):
        return count != n["ReasoningTokens"]
    if re.search("audio|image|video|predict|tool|citation|search|priority|flex", name, re.IGNORECASE):
        return count not in of_parts
    wholes = {n["InputTokens"] + n["OutputTokens"]}
    for whole, part in (
        ("Input", cached),
        ("UncachedInput", cached),
        ("Output", n["ReasoningTokens"]),
        ("UnreasonedOutput", n["ReasoningTokens"]),
    ):
        wholes |= {n[f"{whole}Tokens"], n[f"{whole}Tokens"] + part}
    return count not in wholes | of_parts | set(n.values())


def _part(each: Report, side: tuple[str, ...]) -> int:
    return sum(each.told.get(name, 0) for name in side)


def _whole(each: Report, side: tuple[str, ...]) -> int | None:
    names = ("UncachedInputTokens", "InputTokens") if side == _CACHED else ("UnreasonedOutputTokens", "OutputTokens")
    return next((each.told[name] for name in names if name in each.told), None)


def _is_apart(each: Report, side: tuple[str, ...]) -> bool:
    return ("UncachedInputTokens" if side == _CACHED else "UnreasonedOutputTokens") in each.told


def _sum(each: Report, side: tuple[str, ...], place: str) -> int | None:
    """What a side comes to where its parts are there; None where they cannot be."""
    part, whole = _part(each, side), _whole(each, side)
    if part == 0:
        return (whole or 0) if place == INSIDE else None
    if place == INSIDE:
        return whole if whole is not None and part <= whole else None
    return (whole or 0) + part


def _ways(each: Report) -> set[tuple[str, str]]:
    """The ways to count that come to the total."""
    found = set()
    for first in (INSIDE, BESIDE):
        for second in (INSIDE, BESIDE):
            one, other = _sum(each, _CACHED, first), _sum(each, _REASONING, second)
            if one is not None and other is not None and one + other == each.told.get("TotalTokens"):
                found.add((first, second))
    return found


def _by_total(each: Report, side: tuple[str, ...]) -> str:
    if _whole(each, _CACHED) is None and _whole(each, _REASONING) is None:
        return ""
    places = {way[0 if side == _CACHED else 1] for way in _ways(each)}
    return places.pop() if len(places) == 1 else ""


def _is_open(each: Report, side: tuple[str, ...]) -> bool:
    return _part(each, side) > 0 and _whole(each, side) is not None


def _shown(each: Report, side: tuple[str, ...]) -> str:
    """Where a span itself proves the parts to be."""
    if not _is_open(each, side):
        return ""
    is_beside = _is_apart(each, side) or _part(each, side) > (_whole(each, side) or 0)
    return _by_total(each, side) or (BESIDE if is_beside else "")


def _rule(emitter: Emitter, side: tuple[str, ...], *, with_scope: bool) -> str:
    part = "cached" if side == _CACHED else "reasoning"
    for rule in part_rules():
        asked = zip((rule.scope, rule.provider, rule.model), emitter, strict=True)
        if rule.part == part and bool(rule.scope) == with_scope and all(_fits(*pair) for pair in asked):
            return rule.place
    return ""


def _fits(pattern: str, text: str) -> bool:
    return not pattern or fnmatchcase(text.lower(), pattern.lower().replace("%", "*"))


def _use(emitter: Emitter, each: Report, shown: set[tuple[str, str]]) -> Use:
    buckets = {
        name: each.told[name] for name in BUCKETS if name in each.told and name not in {"InputTokens", "OutputTokens"}
    }
    doubts, sum_used = set(), 0
    for side, bucket in ((_CACHED, "InputTokens"), (_REASONING, "OutputTokens")):
        part, whole = _part(each, side), _whole(each, side)
        place, is_doubtful = _decided(emitter, each, side, {place for of, place in shown if of == side[0]})
        is_inside = place == INSIDE or (not place and not _is_apart(each, side))
        if whole is not None:
            buckets[bucket] = whole - part if is_inside and part <= whole else whole
        if is_doubtful:
            doubts.add(bucket)
        sum_used += buckets.get(bucket, 0) + part
    total = each.told.get("TotalTokens")
    if total is not None and total < sum_used:
        doubts |= {
            bucket
            for bucket, side in (("InputTokens", _CACHED), ("OutputTokens", _REASONING))
            if _whole(each, side) is not None
        }
    has_more = total is not None and total > sum_used
    return Use(buckets, frozenset(doubts), bool(each.unread) or has_more, parts(each))


def _decided(emitter: Emitter, each: Report, side: tuple[str, ...], shown: set[str]) -> tuple[str, bool]:
    """Where the parts are, '' where nobody knows, and whether that is in doubt."""
    if not _is_open(each, side):
        return "", False
    part, whole = _part(each, side), _whole(each, side) or 0
    total, has_total = _by_total(each, side), "TotalTokens" in each.told
    known = BESIDE if _is_apart(each, side) else _rule(emitter, side, with_scope=True)
    proof = next(iter(shown)) if len(shown) == 1 else ""
    place = total or known or proof or _rule(emitter, side, with_scope=False)
    is_contradicted = (
        (place == INSIDE and part > whole)
        or (not total and known and proof and known != proof)
        or (not total and not known and len(shown) > 1)
        or (has_total and not _ways(each))
    )
    return place, bool(not place or is_contradicted)
