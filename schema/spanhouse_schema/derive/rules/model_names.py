"""Names of models as spans spell them, read: what gateways, clouds and vendors write around a name, and who sells it.

`bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0` is `claude-sonnet-4-5-20250929`, sold by AWS, else by Anthropic.
What a span wrote stays as it is: a name is read where its price is looked up, and where two spans are compared.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

OWN_MACHINES = "own machines"
"""The seller of what nobody is paid for by the token."""
# Names are what clients write; no model's is as long.
_LONGEST = 256
# Who sells, as genai-prices names the price list; and by which words providers and paths say so, with dashes for
# underscores. What only passes a call on sells nothing. A provider that stands nowhere here may be a price list's own.
_WORDS = {
    "": "ai-gateway chat converse converse-like gateway helicone invoke litellm litellm-proxy portkey responses vercel",
    "anthropic": "anthropic-text",
    "aws": "aws bedrock bedrock-converse bedrock-mantle sagemaker-bedrock",
    "cerebras": "cerebras-ai",
    "databricks": "databricks-ai",
    "groq": "groq-cloud",
    "minimax": "minimax-ai minimaxai",
    "openrouter": "openrouter-ai openrouter.ai",
    "voyageai": "voyage voyage-ai",
    "azure": "az az.ai.inference az.ai.openai azure-ai azure-openai azure-text azure.ai.inference azure.ai.openai",
    "cloudflare": "workers-ai cloudflare-workers-ai",
    "cohere": "cohere-chat",
    "deepseek": "deepseek-ai",
    "fireworks": "fireworks-ai",
    "github-copilot": "copilot",
    "google": "gcp gemini google-ai-studio google-genai google-gla googleai vertex vertex-ai vertex-ai-beta vertexai",
    "mistral": "mistral-ai mistralai codestral",
    "moonshotai": "moonshot moonshot-ai",
    "novita": "novita-ai",
    "openai": "openai-chat openai-responses text-completion-openai",
    "perplexity": "perplexity-ai",
    "together": "together-ai togetherai",
    "x-ai": "xai",
    "zai": "z-ai z.ai",
    "zhipuai": "zhipu",
    OWN_MACHINES: (
        "hosted-vllm llama.cpp llamacpp llamafile lm-studio lmstudio localai ollama ollama-chat sglang tgi "
        "transformers vllm xinference"
    ),
}
_SELLERS = {word: seller for seller, words in _WORDS.items() for word in (*words.split(), seller)}
# Clouds give themselves many names, some after the vendor whose models they sell.
_IN_PROVIDERS = (("bedrock", "aws"), ("vertex", "google"), ("gcp", "google"), ("azure", "azure"), ("az.ai", "azure"))
# The SDKs of these also call what others sell.
_CLIENTS = frozenset({"openai", "anthropic"})
_RESOURCES = (
    (re.compile(r"arn:[^:]*:bedrock:[^/]*:(?:foundation-model|inference-profile)/(?P<rest>.+)"), "aws"),
    (re.compile(r"(?:.*/)?publishers/[^/]+/models/(?P<rest>[^/]+)"), "google"),
    (re.compile(r"models/(?P<rest>[^/]+)"), "google"),
    (re.compile(r"accounts/fireworks/models/(?P<rest>[^/#]+)"), "fireworks"),
    (re.compile(r"(?:.*/)?deployments/(?P<rest>[^/]+)(?:/.*)?"), "azure"),
)
# Behind a colon may also stand a tag: `mistral:7b`.
_PREFIX = re.compile(r"(?P<word>[a-z0-9][\w.-]*)(?:/|:(?!\d|latest\Z))(?P<rest>.+)")
# The place of a data centre, which a cloud's path may say before the model.
_PLACE = re.compile(r"(?:[a-z]{2}(?:-gov)?-[a-z]+-?\d|global|global-standard)/(?P<rest>.+)")
_BEDROCK = re.compile(
    r"(?P<region>(?:global|apac|us-gov|[a-z]{2})\.)?(?P<vendor>ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|"
    r"minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|stability|twelvelabs|writer|zai)\.(?P<rest>[a-z].*)"
)
_VERSION = re.compile(r"(?:-v?\d{1,2})?:\d{1,2}(?::\d+k)?\Z")
_NEWEST = re.compile(r"[@:-](?:latest|default)\Z")
_VARIANT = re.compile(r":[a-z]+\Z")
_REVISION = re.compile(r"\A(gemini-.*)-00\d\Z")
_SNAPSHOT = re.compile(r"-(?:20\d{6}|20\d\d-\d\d-\d\d)\Z")
# What is made of a model is another one.
_TUNED = re.compile(r"(?:\A|[^a-z])(ft|fine-?tuned?|tunedmodels|custom-model|imported-model|lora|distill)(?![a-z])")


class ModelName(NamedTuple):
    """A model's name, read. `sellers` are price lists that may have it, the client's nearest first."""

    sellers: tuple[str, ...]
    # As the span writes it, without what stands before the name, without a version.
    spellings: tuple[str, ...]
    # Without saying which snapshot it is.
    undated: tuple[str, ...]
    # What two spans of one call agree in.
    family: str

    @property
    def bare(self) -> str:
        """The name without anything around it, but for which snapshot it is."""
        return self.spellings[-1] if self.spellings else self.family

    @property
    def alias(self) -> str:
        """The name without that, too."""
        return self.undated[-1] if self.undated else self.bare


@lru_cache(maxsize=4096)
def read(provider: str, model: str) -> ModelName:
    """Return what a span's provider and model come to."""
    text = model.strip().lower()
    nearest = _seller(provider)
    if len(text) > _LONGEST:
        return ModelName(_each_once([nearest]), (text,), (), text)
    steps = list(_unwrapped(text))
    named = [seller for seller, _ in steps]
    sellers = [*named, nearest] if nearest in _CLIENTS else [nearest, *named]
    texts = [text, *(rest for _, rest in steps)]
    if texts[-1].startswith("arn:"):
        # Throughput that somebody has rented, or a profile of their own: what is behind it is not said.
        return ModelName(_each_once(sellers), (), (), text)
    spellings = [spell(each) for spell in _SPELLINGS for each in texts]
    undated = [_SNAPSHOT.sub("", each) for each in spellings]
    _, _, name = texts[-1].rpartition("/")
    family = _SNAPSHOT.sub("", _VARIANT.sub("", _unversioned(name))).replace(".", "-")
    return ModelName(_each_once(sellers), _each_once(spellings), _each_once(undated), family)


def what_it_is_made_by(name: str) -> frozenset[str]:
    """Return the words that say that a model is made of the one that its name begins with."""
    return frozenset(_TUNED.findall(name.lower()))


def _seller(provider: str) -> str:
    word = provider.strip().lower()
    if (dashed := word.replace("_", "-")) in _SELLERS:
        return _SELLERS[dashed]
    return next((seller for part, seller in _IN_PROVIDERS if part in word), word)


def _unwrapped(text: str) -> Iterator[tuple[str, str]]:
    """Take off what stands before the name, one by one: who sells it by that, and what is left."""
    while found := list(_unwrap(text)):
        yield from found
        _, text = found[-1]


def _unwrap(text: str) -> Iterator[tuple[str, str]]:
    if match := _PLACE.fullmatch(text):
        yield "", match["rest"]
    elif (match := _PREFIX.fullmatch(text)) and (word := match["word"].replace("_", "-")) in _SELLERS:
        yield _SELLERS[word], match["rest"]
    elif match := _BEDROCK.fullmatch(text):
        vendor, rest = match["vendor"], match["rest"]
        yield "aws", text
        # What is sold all over the world has another price than what a region sells.
        if match["region"] not in {None, "global."}:
            yield "aws", f"{vendor}.{rest}"
        yield _SELLERS.get(vendor, vendor), rest
    else:
        found = ((seller, resource.fullmatch(text)) for resource, seller in _RESOURCES)
        yield from ((seller, match["rest"]) for seller, match in found if match)


def _as_it_is(text: str) -> str:
    return text


def _dashed(text: str) -> str:
    return text.replace("@", "-")


def _current(text: str) -> str:
    return _NEWEST.sub("", text)


def _unversioned(text: str) -> str:
    return _REVISION.sub(r"\1", _VERSION.sub("", _dashed(_current(text))))


_SPELLINGS = (_as_it_is, _dashed, _current, _unversioned)


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
