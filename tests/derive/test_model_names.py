"""A model has its own price however its name is spelled, and never another one's."""

from collections.abc import Iterable
from csv import DictReader
from itertools import product
from pathlib import Path

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_schema.derive import price_catalogue
from spanhouse_schema.derive.model_prices import same_models
from spanhouse_schema.derive.rules.model_names import read

_TABLE = (Path(__file__).parent / "model_names.tsv").read_text()
_SPELLINGS = list(DictReader(_TABLE.splitlines(), delimiter="\t"))
# By the seller: what paths call it, and what spans do.
_SELLERS = {
    "openai": ("openai", ("openai", "OpenAI")),
    "anthropic": ("anthropic", ("anthropic",)),
    "google": ("gemini", ("gcp.gemini", "gcp.vertex_ai", "vertex_ai", "gcp.gen_ai")),
    "mistral": ("mistral", ("mistral_ai", "mistral")),
    "x-ai": ("xai", ("x_ai", "xai")),
    "deepseek": ("deepseek", ("deepseek",)),
}
_ARN = "arn:aws:bedrock:us-east-1:12:application-inference-profile/"
_SAY_NOTHING = ("", "openai", "litellm", "strands-agents")
_PREFIXES = ("", "litellm/", "litellm_proxy/")
_PREFIXES_OF_SELLERS = ("{}/", "{}:", "LiteLLM_Proxy/{}/")


def _sold_by(seller: str) -> Provider:
    (provider,) = (each for each in get_snapshot().providers if each.id == seller)
    return provider


def _ids(seller: str) -> list[str]:
    """The models of a seller whose id means themselves, as other sellers' ids do not."""
    models = _sold_by(seller).models
    return [model.id for model in models if _found(seller, model.id) is model and "/" not in model.id]


def _found(seller: str, model: str) -> ModelInfo | None:
    return _sold_by(seller).find_model(model, all_providers=get_snapshot().providers)


def _origins(provider: str, model: str) -> set[str]:
    """Of which models' prices the prices are: seller/model."""
    return {price.origin.partition(": ")[2] for price in price_catalogue.prices_of(provider, model)}


@pytest.mark.parametrize("seller", _SELLERS)
def test_a_model_has_its_price_through_every_gateway_that_passes_it_on(seller: str) -> None:
    word, providers = _SELLERS[seller]
    by_path = product([prefix.format(word) for prefix in _PREFIXES_OF_SELLERS], (*providers, *_SAY_NOTHING))
    ways = [*product(_PREFIXES, providers), *by_path]
    wrong = [
        (provider, name, found)
        for model, (prefix, provider), is_loud in product(_ids(seller), ways, (False, True))
        for name in [(prefix + model).upper() if is_loud else prefix + model]
        if (found := _origins(provider, name)) != {f"{seller}/{model}"}
    ]
    assert not wrong, wrong[:10]


@pytest.mark.parametrize(("provider", "model", "price"), [row.values() for row in _SPELLINGS])
def test_a_spelling_leads_to_the_price_list_of_who_sells_it_or_to_none(provider: str, model: str, price: str) -> None:
    assert _origins(provider, model) == {price}


def test_no_model_has_the_price_of_one_whose_name_it_only_begins_with() -> None:
    """Of all names of a vendor, with words behind them as fine-tunes and other sizes have them."""
    exact = [name for name in _ids("openai") if name.startswith(("gpt-4", "gpt-5.", "o"))]
    words = ("mini", "nano", "acme", "ft-acme", "turbo-x", "32b")
    wrong = [
        (model, word)
        for model, word in product(exact, words)
        if (known := _origins("", f"openai/{model}-{word}") - {""})
        and known == _origins("openai", model)
        # The catalogue itself says that these are one.
        and _found("openai", f"{model}-{word}") is not _found("openai", model)
    ]
    assert not wrong


@given(provider=st.text(max_size=20), model=st.text(st.sampled_from("gpt-4o/:.@ab1 \n\0é"), max_size=300))
def test_any_name_is_read(provider: str, model: str) -> None:
    name = read(provider, model)
    assert len(name.spellings) < 200
    assert price_catalogue.prices_of(provider, model)


_FAMILIES = {
    "gpt-4o": """
        gpt-4o  openai/gpt-4o  azure/gpt-4o  openai/deployments/gpt-4o  GPT-4o-2024-08-06  openrouter/openai/gpt-4o
        openai:gpt-4o  litellm_proxy/openai/gpt-4o:latest  gpt-4o@2024-08-06  azure/eu/gpt-4o  openai/gpt-4o:nitro
    """,
    "claude-sonnet-4-5": """
        claude-sonnet-4-5  anthropic/claude-sonnet-4.5  us.anthropic.claude-sonnet-4-5-20250929-v1:0
        claude-sonnet-4-5@20250929  publishers/anthropic/models/claude-sonnet-4-5  claude-sonnet-4-5-latest
        arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0
    """,
    "gemini-2-5-pro": "gemini-2.5-pro  models/gemini-2.5-pro-001  google/gemini-2.5-pro  gemini/gemini-2.5-pro@default",
}


def test_two_spellings_of_one_model_are_of_one_family_and_those_of_two_are_not() -> None:
    found = {family: {read("", name).family for name in names.split()} for family, names in _FAMILIES.items()}
    assert found == {family: {family} for family in _FAMILIES}
    others = ("gpt-4o-mini", "ft:gpt-4o", "gpt-4", "claude-sonnet-4", "claude-haiku-4-5", "gemini-2.5-pro-preview")
    assert not {read("", name).family for name in others} & set(_FAMILIES)


@pytest.mark.parametrize(
    ("asked", "priced", "are_one"),
    [
        (("openai", "openai/gpt-4o"), ("openai", "gpt-4o"), True),
        (("openai", "gpt-4o"), ("openai", "openai/gpt-4o"), True),
        (("strands-agents", "gpt-4o"), ("openai", "gpt-4o"), True),
        (("litellm", "litellm_proxy/GPT-4o"), ("openai", "gpt-4o"), True),
        (("openai", "gpt-4o-2024-08-06"), ("openai", "gpt-4o"), True),
        (("gcp.gemini", "models/gemini-2.5-pro"), ("google", "gemini-2.5-pro"), True),
        (("azure", "team-gpt-4o-eu"), ("azure.ai.openai", "gpt-4o"), True),
        (("us", "ours:latest"), ("us", "OURS"), True),
        (("ollama", "llama3.3:latest"), ("ollama", "llama3.3"), True),
        (("openai", "gpt-4o"), ("openai", "gpt-4o-2024-08-06"), False),
        (("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), False),
        (("openai", "ft:gpt-4o-2024-08-06:acme::x"), ("openai", "gpt-4o"), False),
        (("openrouter", "openai/gpt-4o"), ("openai", "gpt-4o"), False),
        (("azure", "gpt-4o"), ("openai", "gpt-4o"), False),
        (("us", "ours"), ("them", "ours"), False),
        (("aws.bedrock", f"{_ARN}a"), ("aws.bedrock", f"{_ARN}b"), False),
        (("aws.bedrock", f"{_ARN}a"), ("bedrock", f"{_ARN}A"), True),
    ],
)
def test_a_users_price_holds_for_other_spellings_of_its_model(
    asked: tuple[str, str], priced: tuple[str, str], are_one: bool
) -> None:
    (origin, *_) = {price.origin for price in price_catalogue.prices_of(*asked)}
    found = list(same_models([(b"t", *_bytes(asked), origin.encode())], [(b"t", *_bytes(priced))]))
    assert bool(found) == are_one
    assert not list(same_models([(b"t", *_bytes(asked), origin.encode())], [(b"another", *_bytes(priced))]))


def _bytes(texts: Iterable[str]) -> tuple[bytes, bytes]:
    provider, model = (text.encode() for text in texts)
    return provider, model
