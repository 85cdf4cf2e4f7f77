"""Parts of the usage that have prices of their own: audio, images, cache writes for an hour, searches; and tiers."""

import json
from collections.abc import Mapping
from decimal import Decimal
from math import prod
from typing import Any, TypeAlias

import pytest

from spanhouse_schema.conventions import PARTS, spellings
from tests.derive.columns import derived
from tests.oracle import NormalSpan, normalise
from tests.support.corpus_spans import span

Says: TypeAlias = dict[str, object]

USAGE = "gen_ai.usage."
# 4 and 16 USD a million of text in and out, 32 and 64 of audio, 0.4 of either from a cache.
REALTIME: Says = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-realtime"}
SONNET: Says = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-6"}
PLAIN: Says = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
WHOLE: Says = {f"{USAGE}input_tokens": 1000, f"{USAGE}output_tokens": 1000}
WRITTEN: Says = {f"{USAGE}cache_creation.input_tokens": 500}
AUDIO_IN, AUDIO_OUT = f"{USAGE}audio.input_tokens", f"{USAGE}audio.output_tokens"
CACHED, CACHED_AUDIO = f"{USAGE}cache_read.input_tokens", f"{USAGE}audio.cache_read.input_tokens"
HOUR, SEARCHES = f"{USAGE}cache_creation.ephemeral_1h_input_tokens", f"{USAGE}server_tool_use.web_search_requests"

COSTS: dict[str, tuple[Says, str, str]] = {
    "audio has its price, and its bucket the rest": (
        REALTIME | WHOLE | {AUDIO_IN: 400, AUDIO_OUT: 300},
        "600 * 4 + 400 * 32 + 700 * 16 + 300 * 64",
        "computed",
    ),
    "audio that a cache held is not audio that none held": (
        REALTIME | WHOLE | {CACHED: 200, AUDIO_IN: 400, CACHED_AUDIO: 100},
        "500 * 4 + 300 * 32 + 100 * 0.4 + 100 * 0.4 + 1000 * 16",
        "computed",
    ),
    "nobody says how much of the audio a cache held": (
        REALTIME | WHOLE | {CACHED: 200, AUDIO_IN: 400},
        "400 * 4 + 400 * 32 + 200 * 0.4 + 1000 * 16",
        "partial",
    ),
    "audio of a model that has no price for it": (PLAIN | WHOLE | {AUDIO_IN: 400}, "1000 * 2.5 + 1000 * 10", "partial"),
    "images of the input cost what text does": (
        PLAIN | WHOLE | {f"{USAGE}image.input_tokens": 400},
        "1000 * 2.5 + 1000 * 10",
        "computed",
    ),
    "images of the output do not": (
        PLAIN | WHOLE | {f"{USAGE}image.output_tokens": 400},
        "1000 * 2.5 + 1000 * 10",
        "partial",
    ),
    "text is what is left": (PLAIN | WHOLE | {f"{USAGE}text.input_tokens": 1000}, "1000 * 2.5 + 1000 * 10", "computed"),
    "text beside audio, as Gemini counts it": (
        REALTIME
        | WHOLE
        | {f"{USAGE}details.audio_prompt_tokens": 400, f"{USAGE}details.text_prompt_tokens": 600}
        | {CACHED: 200, f"{USAGE}details.audio_cache_tokens": 100, f"{USAGE}text.cache_read.input_tokens": 150},
        "500 * 4 + 300 * 32 + 100 * 0.4 + 100 * 0.4 + 1000 * 16",
        "computed",
    ),
    "more audio than there is of anything": (
        REALTIME | WHOLE | {AUDIO_OUT: 1200},
        "1000 * 4 + 1200 * 64",
        "partial",
    ),
    "a cache for an hour": (
        SONNET | WHOLE | WRITTEN | {HOUR: 300},
        "1000 * 3 + 200 * 3.75 + 300 * 6 + 1000 * 15",
        "computed",
    ),
    "a cache for five minutes": (
        SONNET | WHOLE | WRITTEN | {f"{USAGE}cache_creation.ephemeral_5m_input_tokens": 500},
        "1000 * 3 + 500 * 3.75 + 1000 * 15",
        "computed",
    ),
    "searches": (SONNET | WHOLE | {SEARCHES: 3}, "1000 * 3 + 1000 * 15 + 3 * 10000", "computed"),
    "searches of a model that has no price for them": (
        {"gen_ai.provider.name": "mistral", "gen_ai.request.model": "mistral-small-latest"} | WHOLE | {SEARCHES: 3},
        "",
        "partial",
    ),
    "tokens at the prices of another tier": (
        PLAIN | WHOLE | {f"{USAGE}input_token_details": '{"audio": 0, "priority": 1000}'},
        "1000 * 2.5 + 1000 * 10",
        "partial",
    ),
    "a report wins": (REALTIME | WHOLE | {AUDIO_IN: 400, f"{USAGE}cost": 0.5}, "500000", "reported"),
    "searches of nobody's model": ({"gen_ai.request.model": "nobodys", SEARCHES: 3}, "", "unpriced"),
}


@pytest.mark.parametrize("name", COSTS)
def test_a_part_costs_its_price_or_the_cost_is_partial(name: str) -> None:
    says, microdollars, source = COSTS[name]
    found = _call(says)
    assert found["CostSource"] == source.encode()
    if microdollars:
        assert found["CostUSD"] == _sum(microdollars) / 10**6


@pytest.mark.parametrize(
    ("tier", "source"),
    [("default", "computed"), ("auto", "computed"), ("Standard", "computed"), ("", "computed")]
    + [(tier, "partial") for tier in ("flex", "priority", "batch", "scale", "provisioned", "FLEX")],
)
def test_a_tier_that_has_prices_of_its_own_makes_a_cost_partial(tier: str, source: str) -> None:
    found = _call(PLAIN | WHOLE | {"openai.response.service_tier": tier, "openai.request.service_tier": "auto"})
    assert (found["CostSource"], found["ServiceTier"]) == (source.encode(), (tier or "auto").encode())


@pytest.mark.parametrize(
    "says",
    [
        {"vendor.serviceTier": "flex"},
        {"vendor.usage": '{"input_tokens": 1000, "service_tier": "batch"}'},
        {"vendor.raw_usage": '{"usage": "{\\"serviceTier\\": \\"priority\\"}"}'},
    ],
)
def test_a_tier_is_seen_under_any_prefix_and_in_the_json_of_usage(says: Says) -> None:
    assert _call({**PLAIN, **WHOLE, **says})["CostSource"] == b"partial"


def test_every_spelling_of_a_part_is_read_and_is_none_that_nobody_reads() -> None:
    told = [each for each in spellings() if each.concept in PARTS]
    says = [{**REALTIME, **WHOLE, **WRITTEN, CACHED: 200, each.attribute: _text(each.path)} for each in told]
    calls = derived({number: [_span(each)] for number, each in enumerate(says)}).calls
    found = {row["Tenant"]: row for row in calls.iter_rows(named=True)}
    assert len(found) == len(told) > 60
    for number, each in enumerate(told):
        assert found[number]["UsageParts"] == {PARTS[each.concept].encode(): 7}, each
        assert found[number]["CostSource"] in {b"computed", b"partial"}, each


def test_of_two_tellings_the_parts_go_with_the_tokens_that_are_taken() -> None:
    outer = _span(REALTIME | WHOLE, "outer")
    inner = _span(REALTIME | WHOLE | {AUDIO_IN: 400}, "inner", "outer")
    (call,) = derived({0: [outer, inner]}).calls.iter_rows(named=True)
    assert (call["SpanId"], call["UsageParts"]) == (b"outer", {b"input_audio_tokens": 400})


def test_of_two_tellings_one_may_know_more_kinds_of_tokens_and_the_other_their_parts() -> None:
    outer = _span(REALTIME | WHOLE | {CACHED: 0, f"{USAGE}reasoning.output_tokens": 0}, "outer")
    inner = _span(REALTIME | WHOLE | {AUDIO_IN: 400}, "inner", "outer")
    (call,) = derived({0: [outer, inner]}).calls.iter_rows(named=True)
    assert (call["CacheReadTokens"], call["UsageParts"]) == (0, {b"input_audio_tokens": 400})
    assert (call["CostUSD"], call["CostSource"]) == (_sum("600 * 4 + 400 * 32 + 1000 * 16") / 10**6, b"computed")


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("ai.response.providerMetadata", '{"openai": {"responseId": "r", "serviceTier": "flex"}}'),
        ("ai.response.providerMetadata", '{"anthropic": {"usage": {"service_tier": "flex"}}}'),
        ("llm.invocation_parameters", '{"model": "gpt-4o", "service_tier": "flex"}'),
        ("langfuse.observation.model.parameters", '{"service_tier": "flex"}'),
    ],
)
def test_a_tier_is_found_in_what_was_asked_for_and_what_a_provider_adds(attribute: str, text: str) -> None:
    found = _call(PLAIN | WHOLE | {attribute: text})
    assert (found["CostSource"], found["ServiceTier"]) == (b"partial", b"flex")


def _text(path: tuple[str, ...]) -> object:
    value: object = 7
    for step in reversed(path):
        value = {step: value}
    return json.dumps(value)


def _sum(terms: str) -> Decimal:
    """What `600 * 4 + 400 * 32` comes to."""
    return sum((prod(map(Decimal, term.split(" * ")), start=Decimal(1)) for term in terms.split(" + ")), Decimal())


def _call(says: Mapping[str, object]) -> dict[str, Any]:
    (found,) = derived({0: [_span(says)]}).calls.iter_rows(named=True)
    return found


def _span(says: Mapping[str, object], span_id: str = "c", parent_id: str = "") -> NormalSpan:
    attributes = {"gen_ai.operation.name": "chat"} | {name: str(value) for name, value in says.items()}
    normal = normalise(span(span_id, attributes, parent_id))
    assert normal
    return normal
