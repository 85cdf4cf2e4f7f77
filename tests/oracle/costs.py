"""What calls and executions cost: what spans report, otherwise what genai-prices itself computes of their tokens."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from functools import lru_cache, reduce
from operator import or_
from typing import NamedTuple

from genai_prices import Usage as PricedUsage
from genai_prices.types import ModelPrice

from tests.oracle.calls import Call, most_parts, most_telling
from tests.oracle.executions import Execution
from tests.oracle.normalisation import NormalSpan, Usage
from tests.oracle.sellers import find
from tests.oracle.usage import BUCKETS, NOTHING, Use

REPORTED, COMPUTED, UNPRICED, PARTIAL = 1, 2, 4, 8
# Runs above ask again and again; those of former tests need not be remembered.
_once = lru_cache(maxsize=2**17)
_PLACES = Decimal("1e-12")
_STANDARD = {"", "auto", "default", "standard", "standard_only", "on_demand"}
_PARTS_OF = {
    "InputTokens": ("input_audio_tokens", "input_image_tokens", "input_video_tokens"),
    "CacheReadTokens": ("cache_audio_read_tokens", "cache_image_read_tokens"),
    "CacheWriteTokens": ("cache_write_1h_tokens",),
    "OutputTokens": ("output_audio_tokens", "output_image_tokens", "output_video_tokens"),
}
_CACHED_PARTS = {"input_audio_tokens": "cache_audio_read_tokens", "input_image_tokens": "cache_image_read_tokens"}
_AS_THEIR_BUCKET = {"input_image_tokens", "input_video_tokens", "cache_image_read_tokens"}
_MOST_REPORTED = Decimal(10) ** 6


class Cost(NamedTuple):
    """USD, None where unknown, and what that was read from: the constants above, added up."""

    usd: Decimal | None
    sources: int


@_once
def cost_of_call(call: Call) -> Cost:
    """What one call cost."""
    is_model = call.top.kind in {"model", "embedding"}
    model = call.says("ResponseModel") or call.says("RequestModel")
    spans = [*call.spans, call.elsewhere] if call.elsewhere else call.spans
    tellers = [call.elsewhere] if call.teller is call.elsewhere else call.spans
    has_unread = any(span.use.has_unread for span in tellers if span)
    is_unsure = bool(call.teller.use.doubts) or has_unread
    is_unsure |= call.says("ServiceTier").lower() not in _STANDARD
    use = call.teller.use._replace(parts=call.parts) if is_model else NOTHING
    found = _cost(spans, use, call.says("Provider"), model, is_unsure=is_unsure)
    return Cost(None, UNPRICED) if found.sources == 0 and is_model and (has_unread or use.parts) else found


@_once
def cost_of_execution(each: Execution) -> Cost:
    """What its calls cost, or what its own span says of them."""
    told = told_cost(each)
    return added(map(cost_of_call, each.calls)) if told is None else told


def told_cost(each: Execution) -> Cost | None:
    """What its own span says of its cost, which counts only where nothing below it says anything."""
    called = added(map(cost_of_call, each.calls))
    if called.usd is not None or any(_has_cost(other) for other in each.below[1:]):
        return None
    itself = _cost_of_span(each)
    is_told = itself.sources == REPORTED and each.kind != "implicit"
    return itself if is_told or each.tells_itself else None


def added(costs: Iterable[Cost]) -> Cost:
    """What they cost together."""
    found = list(costs)
    known = [cost.usd for cost in found if cost.usd is not None]
    return Cost(sum(known, Decimal()) if known else None, reduce(or_, (cost.sources for cost in found), 0))


def source(sources: int) -> str:
    """The word for what a cost was read from."""
    words = {0: "", REPORTED: "reported", UNPRICED: "unpriced"}
    return words.get(sources, "partial" if sources & (UNPRICED | PARTIAL) else "computed")


@_once
def _has_cost(each: Execution) -> bool:
    itself = _cost_of_span(each)
    if added(map(cost_of_call, each.calls)).usd is not None:
        return True
    return itself.usd is not None and bool(
        (itself.sources == REPORTED and each.kind != "implicit") or (each.span_usage and not each.calls_report)
    )


@_once
def _cost_of_span(each: Execution) -> Cost:
    use = most_telling(each.spans).use._replace(parts=most_parts(each.spans)) if each.spans else NOTHING
    model = each.says("ResponseModel") or each.says("RequestModel")
    is_unsure = any(span.use.has_unread for span in each.spans)
    is_unsure |= bool(use.doubts) or each.says("ServiceTier").lower() not in _STANDARD
    return _cost(each.spans, use, each.says("Provider"), model, is_unsure=is_unsure)


def _cost(spans: list[NormalSpan], use: Use, provider: str, model: str, *, is_unsure: bool) -> Cost:
    computed = _computed(use, provider, model, spans[0].start) if use.buckets else Cost(None, 0)
    if is_unsure and computed.sources == COMPUTED:
        computed = Cost(computed.usd, PARTIAL)
    told = [usd for span in spans if (usd := reported(span)) is not None]
    # Zero is often said by who does not know.
    if any(told) or (told and not computed.usd):
        return Cost(next(filter(None, told), Decimal()), REPORTED)
    return computed


def reported(span: NormalSpan) -> Decimal | None:
    """What a span itself says that it cost, in USD."""
    try:
        usd = Decimal(span.said["ReportedCostUSD"])
    except InvalidOperation:
        return None
    if not usd.is_finite() or not 0 <= usd < _MOST_REPORTED or 0 < usd < _PLACES:
        return None
    return usd.quantize(_PLACES, ROUND_DOWN)


def _computed(use: Use, provider: str, model: str, start_ns: int) -> Cost:
    found = find(provider, model)
    if found is None:
        return Cost(None, UNPRICED)
    seller, info = found
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start_ns // 1000)
    prices = info.get_prices(at)
    whole = [prices.input_mtok, prices.input_mtok, prices.input_mtok, prices.output_mtok, prices.output_mtok]
    parts = [None, prices.cache_read_mtok, prices.cache_write_mtok, None, prices.output_reasoning_mtok]
    is_priced = [part is not None or of_whole is not None for part, of_whole in zip(parts, whole, strict=True)]
    usage, counts, is_sure = _split(use, prices)
    used = [known for bucket, known in zip(BUCKETS, is_priced, strict=True) if usage.get(bucket)]
    if not any(is_priced) or (used and not any(used)):
        return Cost(None, UNPRICED)
    cost = info.calc_price(_as_genai_prices_counts(usage, counts), seller, genai_request_timestamp=at).total_price
    return Cost(cost.quantize(_PLACES, ROUND_DOWN), COMPUTED if all(used) and is_sure else PARTIAL)


def _split(use: Use, prices: ModelPrice) -> tuple[Usage, dict[str, int], bool]:
    """The buckets, at least as large as their priced parts; those parts; and whether their prices are sure."""
    usage, parts = dict(use.buckets), dict(use.parts)
    counts: dict[str, int] = {}
    is_sure = True
    for whole, cached in _CACHED_PARTS.items():
        is_known = parts.get(cached) or not usage.get("CacheReadTokens")
        is_sure &= bool(is_known or not parts.get(whole) or _price(prices, whole) is None)
        parts[whole] = max(0, parts.get(whole, 0) - parts.get(cached, 0))
    for bucket, names in _PARTS_OF.items():
        told = {name: parts[name] for name in names if parts.get(name)}
        priced = {name: count for name, count in told.items() if _price(prices, name) is not None}
        is_sure &= all(name in priced or name in _AS_THEIR_BUCKET for name in told)
        is_sure &= all(count <= usage.get(bucket, 0) for count in told.values())
        is_sure &= sum(priced.values()) <= usage.get(bucket, 0)
        if priced:
            usage[bucket] = max(usage.get(bucket, 0), sum(priced.values()))
        counts |= priced
    if searches := parts.get("web_searches"):
        is_sure &= _price(prices, "web_searches") is not None
        counts["web_searches"] = searches
    for whole, cached in _CACHED_PARTS.items():
        # genai-prices wants to be told that there are none.
        counts[whole] = counts.get(whole, 0) + counts.setdefault(cached, 0)
    return usage, counts, is_sure


def _price(prices: ModelPrice, name: str) -> object:
    key = "web_searches_kcount" if name == "web_searches" else f"{name.removesuffix('_tokens')}_mtok"
    return getattr(prices, key)


def _as_genai_prices_counts(usage: Usage, parts: Mapping[str, int]) -> PricedUsage:
    """There the parts are in the whole."""
    uncached, cache_read, cache_write, output, reasoning = (usage.get(bucket, 0) for bucket in BUCKETS)
    return PricedUsage(
        input_tokens=uncached + cache_read + cache_write,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        output_tokens=output + reasoning,
        output_reasoning_tokens=reasoning,
        **parts,
    )
