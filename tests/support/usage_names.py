"""Usage under names that somebody may give it: all parts, prefixes and nestings."""

import json
from itertools import product

TOKENS = 61
_PARTS = (
    *("cached", "cacheRead", "cache_creation", "ephemeral_1h", "audio", "image", "video", "thoughts", "toolUse"),
    *("accepted_prediction", "rejectedPrediction", "citation"),
)
_PREFIXES = ("gen_ai.usage.", "llm.token_count.prompt_details.", "vendor.usage.", "ai.usage.", "token_usage:")
_NAMES = ("{}", "{}_tokens", "{}InputTokens", "input.{}.tokens")


def _usage(prefix: str, key: str) -> list[dict[str, str]]:
    count = {key: TOKENS}
    nested = (count, {"a": count}, {"a": {"b": count, "c": 0}, "cost": 5}, {"details": json.dumps(count)})
    return [{f"{prefix}{key}": str(TOKENS)}, *({f"{prefix}raw": json.dumps(inside)} for inside in nested)]


USAGE = [
    usage for part, prefix, name in product(_PARTS, _PREFIXES, _NAMES) for usage in _usage(prefix, name.format(part))
]
"""Attributes of a span that tell of so many tokens."""
