"""What calls cost: at the prices of genai-prices, of the user, or as their spans report."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice

from spanhouse_schema import Database
from spanhouse_schema.derive import price_catalogue, prices
from spanhouse_schema.derive.prices import Pair, Price, Row
from tests.reference import Row as Span
from tests.support.corpus_spans import span
from tests.support.expected_executions import assert_settled
from tests.support.in_rounds import Cases, Outcomes, Steps, settled

_DAY_NS = 86_400 * 10**9
_AT_NS = 1_790_000_000_000_000_000
# In 100,001 tokens that no cache held, 100,000 that one did, 50,000 that were written to one, 4,000 of output.
_PARTS = {
    "input_audio_tokens": 40_000,
    "input_image_tokens": 25_000,
    "input_video_tokens": 1_000,
    "cache_audio_read_tokens": 10_000,
    "cache_image_read_tokens": 5_000,
    "cache_write_1h_tokens": 20_000,
    "output_audio_tokens": 500,
    "output_image_tokens": 300,
    "output_video_tokens": 200,
    "web_search_requests": 300,
}
_KEYS, _SEARCHES = {"web_search_requests": "web_searches"}, "web_searches_kcount"
CASES = Cases[list[Span], None]("prices")


def _call(number: int, at_ns: int = _AT_NS, /, **attributes: str) -> dict[str, Any]:
    """A call of a model in a trace of its own, with the parts in the wholes; `attributes` spell dots as underscores."""
    names = {"provider": "gen_ai.provider.name", "model": "gen_ai.request.model", "cost": "gen_ai.usage.cost"}
    names |= {"input": "gen_ai.usage.input_tokens", "cache_read": "gen_ai.usage.cache_read.input_tokens"}
    names |= {"cache_write": "gen_ai.usage.cache_creation.input_tokens", "output": "gen_ai.usage.output_tokens"}
    names |= {"reasoning": "gen_ai.usage.reasoning.output_tokens"}
    names |= {part: f"gen_ai.usage.details.{part}" for part in _PARTS}
    said = {"gen_ai.operation.name": "chat", **{names[name]: text for name, text in attributes.items()}}
    return span(f"{number:016x}", said, TraceId=f"{number:032x}", Timestamp=at_ns, ScopeName="spanhouse")


@pytest.fixture(scope="module")
def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return CASES.play(database, settled(database, tmp_path_factory.mktemp("prices")))


def _costs(
    database: Database, tenant: str, spans: Iterable[Span], columns: str = "CostUSD, CostSource"
) -> list[tuple[Any, ...]]:
    """Cost and source of each of these calls, in order."""
    rows = database.rows(
        f"SELECT SpanId, {columns} FROM spanhouse.agent_calls FINAL WHERE TenantId = {{tenant:String}}",
        parameters={"tenant": tenant},
    )
    found = {row[0]: tuple(row[1:]) for row in rows}
    return [found[each["SpanId"]] for each in spans]


def _set(database: Database, tenant: str, provider: str, model: str, *found: Price) -> None:
    pair = Pair(tenant.encode(), provider.encode(), model.encode())
    database.command(prices.insertion((Row(pair, prices.USER, price) for price in found), 1))


def _usd(*of_buckets: str | None) -> tuple[Decimal | None, ...]:
    known = [None if usd is None else Decimal(usd) for usd in of_buckets]
    return (*known, *[None] * (len(prices.USD_COLUMNS) - len(known)))


@CASES.case
def test_a_model_of_the_catalogue_costs_what_genai_prices_computes(database: Database, tenant: str) -> Steps:
    yield (spans := [_call(1, provider="openai", model="gpt-4o", input="1000", cache_read="400", output="50")])
    ((cost, source),) = _costs(database, tenant, spans)
    # 600 at 2.50, 400 at 1.25, 50 at 10 USD a million
    assert (cost, source) == (Decimal("0.0025"), "computed")


@CASES.case
def test_every_model_of_the_catalogue_costs_what_genai_prices_computes(database: Database, tenant: str) -> Steps:
    """All providers and models, short and long contexts, at times before and after prices changed."""
    wanted: dict[int, Decimal] = {}
    spans = []
    usage = {"input": 250_001, "cache_read": 100_000, "cache_write": 50_000, "output": 5_000, "reasoning": 1_000}
    for number, (provider, model, known, scale, at_ns) in enumerate(_catalogue(), 1):
        tokens = {bucket: count // scale for bucket, count in usage.items()}
        parts = {part: count // scale for part, count in _priced_parts(known.get_prices(_utc(at_ns))).items()}
        counts = Usage(
            input_tokens=tokens["input"],
            cache_read_tokens=tokens["cache_read"],
            cache_write_tokens=tokens["cache_write"],
            output_tokens=tokens["output"],
            output_reasoning_tokens=tokens["reasoning"],
            **{_KEYS.get(part, part): count for part, count in parts.items()},
        )
        cost = known.calc_price(counts, provider, genai_request_timestamp=_utc(at_ns))
        wanted[number] = cost.total_price.quantize(Decimal("1e-12"), ROUND_DOWN)
        texts = {name: str(count) for name, count in (tokens | parts).items()}
        spans.append(_call(number, at_ns, provider=provider.id, model=model, **texts))
    yield spans
    found = dict(zip(wanted, _costs(database, tenant, spans), strict=True))
    different = {
        spans[number - 1]["SpanAttributes"]["gen_ai.request.model"]: (found[number], cost)
        for number, cost in wanted.items()
        # Some prices are thirds, which a table rounds.
        if abs((found[number][0] or 0) - cost) > Decimal("1e-12")
    }
    assert len(wanted) > 4000
    assert not different, list(different.items())[:10]


def _priced_parts(known: ModelPrice) -> dict[str, int]:
    """The parts that a model has a price of; of audio and images only where it has one of the cached, too."""
    keys = {part: f"{part.removesuffix('_tokens')}_mtok" for part in _PARTS} | {"web_search_requests": _SEARCHES}
    priced = {part: count for part, count in _PARTS.items() if getattr(known, keys[part]) is not None}
    for whole, cached in (
        ("input_audio_tokens", "cache_audio_read_tokens"),
        ("input_image_tokens", "cache_image_read_tokens"),
    ):
        if not {whole, cached} <= priced.keys():
            priced = {part: count for part, count in priced.items() if part not in {whole, cached}}
    return priced


def _utc(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / 1e9, UTC)


def _catalogue() -> Iterable[tuple[Any, str, Any, int, int]]:
    """Providers, model names that mean themselves, what is known of each; what the tokens are divided by; a time."""
    snapshot = get_snapshot()
    for provider in snapshot.providers:
        for model in provider.models:
            try:
                found = snapshot.find_provider_model(model.id, None, provider.id, None)
            except LookupError:
                continue
            known = found[1].get_prices(datetime(2026, 9, 21, tzinfo=UTC))
            if known.input_mtok is not None and known.output_mtok is not None:
                for scale, at_ns in ((1, _AT_NS), (100, _AT_NS - 400 * _DAY_NS), (100, _AT_NS + _DAY_NS // 3)):
                    yield provider, model.id, found[1], scale, at_ns


@CASES.case
def test_what_a_span_reports_wins_and_both_are_kept(database: Database, tenant: str) -> Steps:
    said = {"provider": "openai", "model": "gpt-4o", "input": "1000", "output": "0", "cost": "0.5"}
    columns = "CostUSD, CostSource, ReportedCostUSD, ComputedCostUSD"
    yield (spans := [_call(1, **said)])
    assert _costs(database, tenant, spans, columns) == [
        (Decimal("0.5"), "reported", Decimal("0.5"), Decimal("0.0025")),
    ]


@CASES.case
def test_a_model_that_nobody_knows_is_unpriced_and_never_free(database: Database, tenant: str) -> Steps:
    spans = [
        _call(1, provider="openai", model="nobodys-model", input="1000", output="5"),
        _call(2, provider="openai", model="nobodys-model", input="0", output="0"),
        _call(3, provider="openai", input="1000"),
        _call(4, provider="ollama", model="gpt-4o", input="1000"),
    ]
    yield spans
    found = _costs(database, tenant, spans)
    assert found == [(None, "unpriced")] * 4


@CASES.case
def test_a_call_that_reports_no_tokens_has_nothing_to_price(database: Database, tenant: str) -> Steps:
    yield (spans := [_call(1, provider="openai", model="gpt-4o")])
    assert _costs(database, tenant, spans) == [(None, "")]


@CASES.case
def test_a_framework_that_names_itself_as_the_provider_does_not_hide_the_model(
    database: Database, tenant: str
) -> Steps:
    yield (spans := [_call(1, provider="strands-agents", model="gpt-4o", input="1000")])
    ((cost, source),) = _costs(database, tenant, spans)
    assert (cost, source) == (Decimal("0.0025"), "computed")


@CASES.case
def test_a_users_price_holds_from_its_date_on_and_wins(database: Database, tenant: str) -> Steps:
    usd = _usd("100", None, None, "0", "0")
    _set(database, tenant, "openai", "gpt-4o", Price(valid_from=(_AT_NS + _DAY_NS) // 10**9, usd=usd))
    said = {"provider": "openai", "model": "gpt-4o", "input": "1000"}
    yield (spans := [_call(1, **said), _call(2, _AT_NS + _DAY_NS - 1, **said), _call(3, _AT_NS + _DAY_NS, **said)])
    found = _costs(database, tenant, spans)
    assert [cost for cost, _ in found] == [Decimal("0.0025"), Decimal("0.0025"), Decimal("0.1")]


@CASES.case
def test_a_users_price_holds_however_its_model_is_spelled(database: Database, tenant: str) -> Steps:
    _set(database, tenant, "openai", "gpt-4o", Price(usd=_usd(*["100"] * 5)))
    _set(database, tenant, "openai", "gpt-4o-2024-08-06", Price(usd=_usd(*["200"] * 5)))
    _set(database, tenant, "openai", "GPT-4o-2024-11-20", Price(usd=_usd(*["300"] * 5)))
    named = {
        ("openai", "openai/gpt-4o"): "0.1",
        ("strands-agents", "gpt-4o"): "0.1",
        ("openai", "gpt-4o-2024-05-13"): "0.1",
        # The nearer name wins.
        ("openai", "gpt-4o-2024-08-06"): "0.2",
        ("litellm", "litellm_proxy/openai/gpt-4o-2024-08-06"): "0.2",
        ("openai", "gpt-4o-2024-11-20"): "0.3",
        # Others sell it at other prices.
        ("openrouter", "openai/gpt-4o"): "0.0025",
        ("openai", "gpt-4o-mini"): "0.00015",
    }
    spans = [
        _call(number, provider=provider, model=model, input="1000") for number, (provider, model) in enumerate(named, 1)
    ]
    yield spans
    assert _costs(database, tenant, spans) == [(Decimal(usd), "computed") for usd in named.values()]


@CASES.case
def test_a_name_stays_as_its_span_spells_it(database: Database, tenant: str) -> Steps:
    yield (spans := [_call(1, provider="LiteLLM", model="azure/GPT-4o-2024-08-06", input="1000")])
    columns = "Provider, RequestModel, CostUSD"
    assert _costs(database, tenant, spans, columns) == [("LiteLLM", "azure/GPT-4o-2024-08-06", Decimal("0.0025"))]


@CASES.case
def test_tokens_without_a_price_make_a_cost_partial(database: Database, tenant: str) -> Steps:
    _set(database, tenant, "us", "ours", Price(usd=_usd("10", None, None, "20", "20")))
    said = {"provider": "us", "model": "ours"}
    spans = [
        _call(1, **said, input="1000", output="100"),
        _call(2, **said, input="1000", cache_read="400", output="100"),
        _call(3, **said, input="400", cache_read="400"),
    ]
    yield spans
    assert _costs(database, tenant, spans) == [
        (Decimal("0.012"), "computed"),
        (Decimal("0.008"), "partial"),
        (None, "unpriced"),
    ]


@CASES.case
def test_a_long_context_has_the_price_of_its_step_for_all_its_tokens(database: Database, tenant: str) -> Steps:
    steps = [Price(usd=_usd(*["1"] * 5)), Price(above_tokens=1000, usd=_usd(*["2"] * 5))]
    _set(database, tenant, "us", "ours", *steps)
    said = {"provider": "us", "model": "ours", "output": "0"}
    # What is read from the cache is context too.
    yield (spans := [_call(1, **said, input="1000"), _call(2, **said, input="1001", cache_read="1000")])
    found = _costs(database, tenant, spans)
    assert [cost for cost, _ in found] == [Decimal("0.001"), Decimal("0.002002")]


@CASES.case
def test_an_hour_of_the_day_has_its_price_over_midnight_too(database: Database, tenant: str) -> Steps:
    night = Price(position=1, from_second=23 * 3600, until_second=3600, usd=_usd(*["1"] * 5))
    _set(database, tenant, "us", "ours", Price(usd=_usd(*["2"] * 5)), night)
    midnight_ns = _AT_NS // _DAY_NS * _DAY_NS
    hours = {22: "0.002", 23: "0.001", 0: "0.001", 1: "0.002"}
    spans = [
        _call(1 + hour, midnight_ns + hour * 3600 * 10**9, provider="us", model="ours", input="1000") for hour in hours
    ]
    yield spans
    assert [cost for cost, _ in _costs(database, tenant, spans)] == [Decimal(cost) for cost in hours.values()]


@CASES.case
def test_prices_are_a_tenants_own(database: Database, tenant: str) -> Steps:
    _set(database, "somebody else", "openai", "gpt-4o", Price(usd=_usd(*["1000"] * 5)))
    yield (spans := [_call(1, provider="openai", model="gpt-4o", input="1000")])
    ((cost, _),) = _costs(database, tenant, spans)
    assert cost == Decimal("0.0025")


@CASES.case
def test_a_model_is_looked_up_once(database: Database, tenant: str) -> Steps:
    yield [_call(1, provider="openai", model="gpt-4o", input="1")]
    yield [_call(2, provider="openai", model="gpt-4o", input="2")]
    rows = database.rows("SELECT count() FROM spanhouse.model_prices WHERE tenant_id = %(t)s", parameters={"t": tenant})
    assert rows == [(1,)]


@CASES.case
def test_a_fortune_is_summed_and_not_an_error(database: Database, tenant: str) -> Steps:
    many = "9" * 18
    trace = {"TraceId": "f" * 32}
    said = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    tokens = {"gen_ai.usage.input_tokens": many, "gen_ai.usage.output_tokens": many}
    reported = {"gen_ai.usage.cost": "999999.5"}
    yield [
        *(span(f"{number:016x}", said | tokens, "a" * 16, **trace) for number in range(1, 50)),
        *(span(f"{number:016x}", said | reported, "a" * 16, **trace) for number in range(50, 99)),
    ]
    ((total,),) = database.rows(
        "SELECT TotalCostUSD FROM spanhouse.agent_executions FINAL WHERE TenantId = %(t)s", parameters={"t": tenant}
    )
    each = (Decimal(many) * Decimal("12.5") / 10**6).quantize(Decimal("1e-12"), ROUND_DOWN)
    assert total == 49 * each + 49 * Decimal("999999.5")


@CASES.case
def test_names_that_are_no_text_are_priced_as_unknown(database: Database, tenant: str) -> Steps:
    columns = "Timestamp, TraceId, SpanId, SpanAttributes, TenantId"
    said = "'gen_ai.operation.name', 'chat', 'gen_ai.request.model', '\\xff\\'\\\\', 'gen_ai.usage.input_tokens', '1'"
    database.command(
        f"INSERT INTO spanhouse.otel_traces ({columns}) VALUES (now64(9), 'ff', '01', map({said}), '{tenant}')"
    )
    yield []
    assert database.rows(
        "SELECT CostSource FROM spanhouse.agent_calls FINAL WHERE TenantId = %(t)s", parameters={"t": tenant}
    ) == [("unpriced",)]


@CASES.case
def test_sync_brings_what_the_installed_catalogue_says_and_takes_back_the_rest(
    database: Database, tenant: str
) -> Steps:
    yield [_call(1, provider="openai", model="gpt-4o", input="1000")]
    pair = Pair(tenant.encode(), b"openai", b"gpt-4o")
    stale = [Row(pair, prices.PACKAGE, Price(position, usd=_usd(*["7"] * 5))) for position in (0, 1)]
    ((version,),) = database.rows("SELECT max(version) FROM spanhouse.model_prices")
    database.command(prices.insertion(stale, version + 1))
    _, changed = price_catalogue.sync(database)
    assert changed == 1
    yield (spans := [_call(2, provider="openai", model="gpt-4o", input="1000")])
    assert _costs(database, tenant, spans) == [(Decimal("0.0025"), "computed")]
    assert price_catalogue.sync(database)[1] == 0


@CASES.case
def test_a_day_of_calls_costs_what_the_oracle_says(database: Database, tenant: str) -> Steps:
    spans = [
        _call(number, provider=provider, model=model, input=str(number * 997), cache_read=str(number), output="3")
        for number, (provider, model) in enumerate(
            [("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("gcp.gemini", "gemini-2.5-pro"), ("x", "y")]
            * 90
        )
    ]
    yield spans
    assert_settled(database, tenant, spans)
