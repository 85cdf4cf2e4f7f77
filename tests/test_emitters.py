"""The manual says of each emitter what its recordings show."""

from collections.abc import Callable, Iterable
from csv import DictReader
from pathlib import Path

import pytest

from tests.oracle.normalisation import NormalSpan, normalise
from tests.support.corpus_spans import rows_of

_TESTS = Path(__file__).parent
_LINES = (_TESTS.parent / "docs" / "emitters.tsv").read_text().splitlines()
_EMITTERS = list(DictReader((line for line in _LINES if not line.startswith("#")), delimiter="\t"))
# Hand-made cases, and a program without agents.
_OF_NO_EMITTER = {"edge", "plain-flask"}
_KINDS = {"agent": "runs", "workflow": "workflows", "model": "calls", "embedding": "embeddings", "tool": "tools"}
_COUNTS = {
    "tokens": {"InputTokens", "UncachedInputTokens", "OutputTokens"},
    "cache read": {"CacheReadTokens"},
    "cache written": {"CacheWriteTokens"},
    "reasoning": {"ReasoningTokens"},
}
_TEXTS: dict[str, tuple[set[str], tuple[str, ...]]] = {
    "cost": ({*_KINDS, "usage"}, ("ReportedCostUSD",)),
    "session": ({*_KINDS, "usage", "chain", "other"}, ("SessionId",)),
    "user": ({*_KINDS, "usage", "chain", "other"}, ("UserId",)),
    "arguments": ({"tool"}, ("ToolArguments",)),
    "results": ({"tool"}, ("ToolResult",)),
    "messages": ({"agent", "workflow", "model"}, ("Input", "Output")),
}


@pytest.mark.parametrize("emitter", _EMITTERS, ids=lambda emitter: f"{emitter['emitter']} {emitter['version']}")
def test_an_emitter_tells_what_its_recordings_show(emitter: dict[str, str]) -> None:
    assert emitter["tells"] == told(emitter["recordings"].split())


def test_each_recording_is_named_by_an_emitter() -> None:
    named = {name for emitter in _EMITTERS for name in emitter["recordings"].split()}
    recorded = {path.parent.name for path in _TESTS.glob("corpus/*/index.tsv")} - _OF_NO_EMITTER
    assert {f"corpus/{name}" for name in recorded} <= named


def told(recordings: Iterable[str]) -> str:
    """Return what the spans of these recordings tell, in words, by groups."""
    spans = [span for name in recordings for span in _spans(name)]
    kinds = {_KINDS.get(span.kind, "calls" if span.kind == "usage" else "") for span in spans}
    counts = {concept for span in spans for concept in span.reported.told}
    usage = [word for word, concepts in _COUNTS.items() if concepts & counts]
    texts = [word for word in _TEXTS if any(map(_tells(word), spans))]
    groups = (
        [word for word in _KINDS.values() if word in kinds],
        [*usage, *(word for word in texts if word == "cost")],
        [word for word in texts if word in {"session", "user"}],
        [word for word in texts if word in {"arguments", "results", "messages"}],
    )
    return "; ".join(", ".join(group) for group in groups if group)


def _tells(word: str) -> Callable[[NormalSpan], bool]:
    kinds, concepts = _TEXTS[word]
    return lambda span: span.kind in kinds and any(span.said[concept] for concept in concepts)


def _spans(name: str) -> list[NormalSpan]:
    paths = sorted((_TESTS / name).glob("[0-9]*traces.*"))
    assert paths, f"{name} is no recording of traces"
    return [span for path in paths for row in rows_of(path) if (span := normalise(row)) is not None]
