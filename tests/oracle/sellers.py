"""Who sells a model, and what genai-prices knows of it there, however a span spells it; of spellings the tests use."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeAlias

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import ModelInfo, Provider

Spell: TypeAlias = Callable[[str], str]

_OWN_MACHINES = {"ollama", "hosted_vllm"}
_PASS_ON = {"litellm", "litellm_proxy"}
# Words in paths and providers, and the price list that is meant.
_LISTS = {
    **{name: name for name in ("openai", "anthropic", "openrouter", "groq", "google", "azure", "aws", "mistral")},
    "bedrock": "aws",
    "gemini": "google",
    "vertex_ai": "google",
    "gcp.vertex_ai": "google",
    "gcp.gemini": "google",
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "mistral_ai": "mistral",
}
# Their SDKs are pointed at what others sell, too.
_SDKS = {"openai", "anthropic"}
_RESELL = {"openrouter", "azure", "aws", "google", "openai", "anthropic"}
_REGIONS = {"us", "eu", "apac", "global"}
_DAY = len("2024-08-06")


@cache
def find(provider: str, model: str) -> tuple[Provider, ModelInfo] | None:
    """Return the seller's price list and the model in it; None where there is none, or nobody is paid by the token."""
    provider, model = provider.strip().lower(), model.strip().lower()
    words, names = [provider], [model]
    while step := _without_head(names[-1]):
        words.append(step[0])
        names.append(step[1])
    if _OWN_MACHINES.intersection(words):
        return None
    if provider in _SDKS:
        words.append(words.pop(0))
    lists = [_LISTS.get(word, word) for word in words if word and word not in _PASS_ON]
    known = [found for each in lists if (found := find_provider_by_id(get_snapshot().providers, each))]
    return _first(known, names, [_as_said, _without_version]) or _first(known, names, [_without_day])


def seller(provider: str) -> str:
    """Return the price list that a span's provider means; '' for one that only passes calls on."""
    word = provider.strip().lower()
    return "" if word in _PASS_ON else _LISTS.get(word, word)


def family(model: str) -> str:
    """Return a model's name without what is written around it: two spans of one call agree in it."""
    name = model.strip().lower()
    while step := _without_head(name):
        name = step[1]
    return _without_day(name.rpartition("/")[2]).replace(".", "-")


def _without_head(name: str) -> tuple[str, str] | None:
    """What stands before a name says who sells it: a word of a path, a resource, a region and vendor of Bedrock."""
    head, slash, tail = name.partition("/")
    if slash and head in _LISTS.keys() | _OWN_MACHINES | _PASS_ON:
        return head, tail
    if slash and (head == "models" or "/publishers/" in name):
        return "google", name.rpartition("/models/")[2].removeprefix("models/")
    if name.startswith("arn:") and "foundation-model/" in name:
        return "aws", name.partition("foundation-model/")[2]
    region, dot, rest = name.partition(".")
    if dot and region in _REGIONS:
        return "aws", rest
    if dot and region in {"anthropic", "meta", "amazon"}:
        return region, rest
    head, colon, tail = name.partition(":")
    return (head, tail) if colon and head in _LISTS and tail[0].isalpha() else None


def _first(known: list[Provider], names: list[str], spell: list[Spell]) -> tuple[Provider, ModelInfo] | None:
    resold = all(each.id in _RESELL for each in known)
    for seller in [*known, None] if resold else known:
        for name in _spelled(names, spell):
            try:
                return get_snapshot().find_provider_model(name, seller, None, None)
            except LookupError:
                continue
    return None


def _spelled(names: list[str], spell: list[Spell]) -> Iterator[str]:
    for way in spell:
        for name in names:
            yield way(name)


def _as_said(name: str) -> str:
    return name


def _without_version(name: str) -> str:
    name = name.replace("@", "-").removesuffix(":latest")
    return name[: -len("-v1:0")] if name[-2:-1] == ":" and name[-1].isdigit() else name


def _without_day(name: str) -> str:
    name = _without_version(name)
    digits = name.replace("-", "")[-8:]
    if not (digits.isdigit() and digits.startswith("20")):
        return name
    return name[:-9] if name[-8:].isdigit() else name[: -_DAY - 1]
