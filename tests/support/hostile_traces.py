"""Traces as no framework sends them on purpose: what a settling must come through, and count as the oracle does."""

from random import Random

from tests.reference import Row
from tests.support.corpus_spans import span

_START_NS = 1_790_000_000_000_000_000
_HALF_A_SECOND_NS = 500_000_000
_KINDS: tuple[dict[str, str], ...] = (
    {"gen_ai.operation.name": "invoke_agent"},
    {"gen_ai.operation.name": "invoke_workflow"},
    {"openinference.span.kind": "CHAIN"},
    {"gen_ai.operation.name": "chat"},
    {"gen_ai.operation.name": "chat"},
    {"gen_ai.operation.name": "embeddings"},
    {"gen_ai.operation.name": "execute_tool"},
    {},
)
_CHOICES = {
    "gen_ai.agent.name": ("", "", "a", "b"),
    "gen_ai.tool.name": ("", "a", "b"),
    "gen_ai.tool.call.id": ("", "1", "2"),
    "gen_ai.response.id": ("", "", "1", "2"),
    "gen_ai.provider.name": (
        "",
        "openai",
        "ollama",
        "anthropic",
        "some-gateway",
        "openrouter",
        "aws.bedrock",
        "azure.ai.openai",
    ),
    "gen_ai.request.model": (
        *("", "gpt-4o-mini", "gpt-4o-realtime-preview", "claude-sonnet-4-5", "nobodys-model", "openai/gpt-4o-mini"),
        *("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "openrouter/anthropic/claude-sonnet-4.5", "ollama/gpt-4o"),
        *("litellm_proxy/azure/gpt-4o-mini-2024-07-18", "models/gemini-2.5-pro:latest", "openai:gpt-4o@2031-01-01"),
    ),
    "gen_ai.usage.cost": ("", "", "", "", "", "0.25", "-1", "much"),
    "gen_ai.usage.input_tokens": ("", "", "0", "7", "9", "300000"),
    "gen_ai.usage.output_tokens": ("", "5", "9"),
    "gen_ai.usage.cache_read.input_tokens": ("", "", "3", "8"),
    "gen_ai.usage.reasoning.output_tokens": ("", "", "", "4", "9"),
    "gen_ai.usage.total_tokens": ("", "", "", "", "12", "14", "15", "20"),
    "vendor.usage": ("", "", "", "", "", "", '{"total_tokens": "12"}', '{"b": {"totalTokenCount": 14}, "total": 9}'),
    "gen_ai.usage.audio.output_tokens": ("", "", "", "", "", "0", "2"),
    "gen_ai.usage.audio.input_tokens": ("", "", "", "", "", "1", "6"),
    "gen_ai.usage.audio.cache_read.input_tokens": ("", "", "", "", "", "1", "2"),
    "gen_ai.usage.cache_creation.input_tokens": ("", "", "", "", "", "", "5"),
    "gen_ai.usage.cache_creation": ("", "", "", "", "", "", '{"ephemeral_1h_input_tokens": 2}'),
    "gen_ai.usage.server_tool_use.web_search_requests": ("", "", "", "", "", "", "2"),
    "vendor.usage.raw": ("", "", "", "", "", "", '{"service_tier": "batch"}', '{"serviceTier": 1}'),
    "openai.response.service_tier": ("", "", "", "", "", "", "default", "Flex"),
    "gen_ai.conversation.id": ("", "", "", "s1", "s2"),
    "user.id": ("", "", "", "u"),
    "spanhouse.execution.status": ("", "", "", "", "", "paused", "TIMEOUT", "odd"),
    "error.type": (
        "",
        "",
        "",
        "",
        "asyncio.CancelledError",
        "boom",
        "langgraph.errors.GraphInterrupt",
        "ParentCommand",
    ),
    "gen_ai.tool.call.result": ("", "", '{"isError": true}', '{"text": "isError"}'),
}
# Mostly some half seconds; else it ended before it began, or never, or after what a time can hold.
_DURATIONS_NS = (0, 1, 2, 3, 9, 1, 2, 3, 9, -1, 2**64 // _HALF_A_SECOND_NS)
_TRACES = ("aa" * 16, "bb" * 16)


def tree(chance: Random) -> list[Row]:
    """The spans of up to two traces: cycles, orphans, twins, containers, skewed clocks, one id with two contents."""
    size = chance.randint(1, chance.choice([3, 8, 25]))
    ids = [f"{number:02}" for number in range(size)]
    rows = [_span(chance, span_id, ids[:number], ids) for number, span_id in enumerate(ids)]
    changed = [_span(chance, chance.choice(ids), ids, ids) for _ in range(chance.choice([0, 0, 1, 2]))]
    return _without_ties(rows + changed)


def _span(chance: Random, span_id: str, earlier: list[str], ids: list[str]) -> Row:
    said = {key: text for key, texts in _CHOICES.items() if (text := chance.choice(texts))}
    above = earlier[-1:] if chance.random() < 0.5 else earlier
    parents = [*above, *above] or [""]
    if chance.random() < 0.1:
        # The root, one that never comes, itself, or any of them: cycles also.
        parents = ["", "never", span_id, chance.choice(ids)]
    return span(
        span_id,
        chance.choice(_KINDS) | said,
        chance.choice(parents),
        TraceId=_TRACES[chance.random() < 0.2],
        SpanName=chance.choice(["", "a", "a.run", "invoke_agent a"]),
        ScopeName=chance.choice(["one", "another", "one", "another", "a third"]),
        ResourceAttributes=chance.choice([{}, {}, {"service.instance.id": "2"}]),
        Timestamp=_START_NS + chance.randint(0, 9) * _HALF_A_SECOND_NS,
        Duration=chance.choice(_DURATIONS_NS) * _HALF_A_SECOND_NS % 2**64,
        StatusCode=chance.choice(["Unset", "Unset", "Unset", "Error", "Ok"]),
    )


def _without_ties(rows: list[Row]) -> list[Row]:
    """Of an id that comes twice at the same times only the first: nothing says which of them is the later state."""
    found = {(row["TraceId"], row["SpanId"], row["Timestamp"], _end(row)): row for row in reversed(rows)}
    return list(found.values())


def _end(row: Row) -> int:
    """When it ended; -1 for never."""
    return int(row["Timestamp"] + row["Duration"]) if row["Duration"] < 2**62 else -1
