"""Each token is in one bucket, where emitters count parts inside the whole and where they count them beside it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import pytest

from tests.derive.columns import derived
from tests.oracle import NormalSpan, normalise
from tests.support.corpus_spans import span
from tests.support.usage_names import TOKENS, USAGE

Says: TypeAlias = dict[str, str | int]

INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ, WRITE = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"
REASONING, TOTAL = "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.total_tokens"
BUCKETS = ("InputTokens", "CacheReadTokens", "CacheWriteTokens", "OutputTokens", "ReasoningTokens")
OPENAI: Says = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5"}
ANTHROPIC: Says = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
GEMINI: Says = {"gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": "gemini-2.5-flash"}
NOBODY: Says = {"gen_ai.request.model": "nobodys"}
CACHED: Says = {INPUT: 100, READ: 60, OUTPUT: 9}
REASONED: Says = {INPUT: 100, OUTPUT: 9, REASONING: 5}
STRANDS = "strands.telemetry.tracer"


class Case(NamedTuple):
    """A call, and what it comes to; `doubts` are of the input, of the output."""

    says: Says
    buckets: list[int | None]
    doubts: tuple[bool, bool] = (False, False)
    source: str = "computed"
    scope: str = "its own"


CASES = {
    "all buckets, inside": Case(
        OPENAI | {INPUT: 100, READ: 60, WRITE: 30, OUTPUT: 20, REASONING: 5}, [10, 60, 30, 15, 5]
    ),
    "nothing beside the parts": Case(OPENAI | {INPUT: 9, READ: 9, OUTPUT: 2, REASONING: 2}, [0, 9, None, 0, 2]),
    "parts without a whole": Case(OPENAI | {READ: 6, REASONING: 6}, [None, 6, None, None, 6]),
    "a provider that counts the cache beside": Case(ANTHROPIC | CACHED, [100, 60, None, 9, None]),
    "a provider that counts reasoning beside": Case(GEMINI | REASONED, [100, None, None, 9, 5]),
    "a provider that counts it inside": Case(OPENAI | REASONED, [100, None, None, 4, 5]),
    "an instrumentation that adds the cache": Case(
        ANTHROPIC | CACHED, [40, 60, None, 9, None], scope="opentelemetry.instrumentation.anthropic"
    ),
    "an instrumentation that does not, by the model": Case(
        ANTHROPIC | {"gen_ai.provider.name": "strands-agents"} | CACHED, [100, 60, None, 9, None], scope=STRANDS
    ),
    "a total against the provider": Case(OPENAI | CACHED | {TOTAL: 169}, [100, 60, None, 9, None]),
    "a total against the instrumentation": Case(
        ANTHROPIC | CACHED | {TOTAL: 109}, [40, 60, None, 9, None], scope=STRANDS
    ),
    "a total that says both": Case(
        NOBODY | {INPUT: 100, READ: 60, OUTPUT: 9, REASONING: 5, TOTAL: 174}, [100, 60, None, 9, 5], source="unpriced"
    ),
    "a total under any prefix": Case(OPENAI | CACHED | {"vendor.usage.totalTokens": 169}, [100, 60, None, 9, None]),
    "a total as Gemini calls it": Case(OPENAI | CACHED | {"vendor.totalTokenCount": 169}, [100, 60, None, 9, None]),
    "a total in JSON": Case(
        OPENAI | CACHED | {"llm.usage": '{"prompt_tokens": 100, "total_tokens": 169}'}, [100, 60, None, 9, None]
    ),
    "a total that leaves two ways": Case(
        NOBODY | {INPUT: 100, READ: 5, OUTPUT: 9, REASONING: 5, TOTAL: 114},
        [95, 5, None, 4, 5],
        (True, True),
        "unpriced",
    ),
    "more read than there is": Case(
        NOBODY | {INPUT: 10, READ: 60, OUTPUT: 9}, [10, 60, None, 9, None], source="unpriced"
    ),
    "more read than an instrumentation can mean": Case(
        OPENAI | {INPUT: 10, READ: 60, OUTPUT: 9}, [10, 60, None, 9, None], (True, False), "partial", "pydantic-ai"
    ),
    "nobody knows whose it is": Case(NOBODY | CACHED, [40, 60, None, 9, None], (True, False), "unpriced"),
    "a doubt on the output says nothing of the input": Case(
        OPENAI | {INPUT: 100, READ: 60, OUTPUT: 2, REASONING: 5},
        [40, 60, None, 2, 5],
        (False, True),
        "partial",
        "pydantic-ai",
    ),
    "a doubt on the input says nothing of the output": Case(
        OPENAI | {INPUT: 10, READ: 60, OUTPUT: 20, REASONING: 5},
        [10, 60, None, 15, 5],
        (True, False),
        "partial",
        "pydantic-ai",
    ),
    "a total of less than there is": Case(
        OPENAI | {INPUT: 100, OUTPUT: 9, TOTAL: 50}, [100, None, None, 9, None], (True, True), "partial"
    ),
    "a total of more than there is": Case(
        OPENAI | {INPUT: 100, OUTPUT: 9, TOTAL: 150}, [100, None, None, 9, None], source="partial"
    ),
    "a total and nothing else": Case(OPENAI | {TOTAL: 150}, [None] * 5, source="unpriced"),
    "told apart": Case(
        OPENAI | {"input_tokens": 3, "cache_read_tokens": 60, "output_tokens": 1}, [3, 60, None, 1, None]
    ),
    "a count that is none before one that is": Case(
        OPENAI | {INPUT: "many", "gen_ai.usage.prompt_tokens": 7, OUTPUT: 1}, [7, None, None, 1, None]
    ),
    "part of it under a name that nobody reads": Case(
        OPENAI | {INPUT: 100, OUTPUT: 9, "gen_ai.usage.rejected_prediction_tokens": 60},
        [100, None, None, 9, None],
        source="partial",
    ),
    "a limit, which is no usage": Case(
        OPENAI | {INPUT: 100, OUTPUT: 9, "gen_ai.request.max_tokens": 60}, [100, None, None, 9, None]
    ),
    "the same under two names": Case(
        OPENAI | CACHED | {"vendor.cached_tokens": 60, "vendor.prompt_tokens": 100}, [40, 60, None, 9, None]
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_call_comes_to_disjoint_buckets_or_is_in_doubt(name: str) -> None:
    case = CASES[name]
    found = _call(_span("c", case.says, case.scope))
    assert [found[bucket] for bucket in BUCKETS] == case.buckets
    assert (found["InputTokensInconsistent"], found["OutputTokensInconsistent"]) == case.doubts
    assert found["CostSource"] == case.source.encode()


def test_one_span_whose_part_exceeds_its_whole_settles_it_for_all_of_its_emitter() -> None:
    """Of one trace; another emitter is another matter."""
    proof = _span("p", NOBODY | {INPUT: 10, READ: 60, OUTPUT: 1})
    others = [_span("same", NOBODY | CACHED), _span("other", NOBODY | CACHED, "another")]
    calls = _calls(proof, *others)
    assert {name: calls[name]["InputTokens"] for name in ("same", "other")} == {"same": 100, "other": 40}
    assert {name: calls[name]["InputTokensInconsistent"] for name in ("same", "other")} == {
        "same": False,
        "other": True,
    }


@pytest.mark.parametrize(("reported", "cost", "source"), [("0", "0.265", b"computed"), ("1e-13", "0.265", b"computed")])
def test_a_report_of_nothing_is_none_where_the_tokens_have_a_price(reported: str, cost: str, source: bytes) -> None:
    says: Says = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o", INPUT: 100_000, OUTPUT: 1500}
    found = _call(_span("c", says | {"gen_ai.usage.cost": reported}))
    assert (str(found["CostUSD"].normalize()), found["CostSource"]) == (cost, source)


def test_a_report_of_nothing_holds_where_nobody_knows_a_price() -> None:
    found = _call(_span("c", NOBODY | {INPUT: 100, OUTPUT: 9, "gen_ai.usage.cost": "0"}))
    assert (found["CostUSD"], found["CostSource"]) == (0, b"reported")


def test_usage_that_nobody_reads_never_passes_as_computed() -> None:
    """Whatever it is called, however deep it stands, whoever tells of it."""
    says: list[Says] = [
        emitter | {INPUT: 100, OUTPUT: 9} | {**usage} for emitter in (OPENAI, ANTHROPIC, GEMINI) for usage in USAGE
    ]
    found = derived({number: [_span("c", each)] for number, each in enumerate(says)}).calls
    assert found.height == len(says)
    for number, source, parts, *read in found.select("Tenant", "CostSource", "UsageParts", *BUCKETS).rows():
        assert source == b"partial" or TOKENS in (*read, *parts.values()), says[number]


def _call(call: NormalSpan) -> dict[str, Any]:
    (found,) = _calls(call).values()
    return found


def _calls(*calls: NormalSpan) -> dict[str, dict[str, Any]]:
    return {row["SpanId"].decode(): row for row in derived({0: calls}).calls.iter_rows(named=True)}


def _span(span_id: str, says: Mapping[str, object], scope: str = "its own") -> NormalSpan:
    attributes = {"gen_ai.operation.name": "chat"} | {name: str(value) for name, value in says.items()}
    normal = normalise(span(span_id, attributes, ScopeName=scope))
    assert normal
    return normal
