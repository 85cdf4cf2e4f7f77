"""Rows that would have the tables read what none of their rows reads: guesses by its name, for a person to check.

Names come from clients. A row is suggested only if the tables' own reader takes it for exactly what was meant.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from spanhouse_schema.conventions import Spelling, read_spellings, spellings
from spanhouse_schema.quoting import printable

ATTRIBUTES_HEAD = "concept\tattribute\tconvention"
KINDS_HEAD = "kind\twhere\tvalue\tscope\tconvention"

_CONCEPTS = {
    "cache_read": "CacheReadTokens",
    "cache_write": "CacheWriteTokens",
    "reasoning": "ReasoningTokens",
    "input": "InputTokens",
    "output": "OutputTokens",
    "total": "TotalTokens",
}
_MEDIA = ("audio", "image", "video")
_UNCACHED = re.compile(r"(un|non?|not)[_.-]?cach", re.IGNORECASE)
_READ = re.compile("read|hit", re.IGNORECASE)
_INPUT = re.compile("input|prompt", re.IGNORECASE)
_OUTPUT = re.compile("output|completion|candidates", re.IGNORECASE)
# A row that is longer is nothing that a person would check.
_LONGEST_ROW, _LONGEST_LABEL = 300, 60
# No row of the tables looks half as deep.
_DEEPEST = 16


class Usage(NamedTuple):
    """A name of usage that no row reads, with those attributes of a span that it may be the name of, or in."""

    emitter: str
    name: str
    looks_like: str
    attributes: Mapping[str, str]


class Suggestion(NamedTuple):
    """A row of a table, and what has to be decided about it; '' if there is none, and then `doubt` says why."""

    row: str
    doubt: str


_UNSPELLABLE = Suggestion("", "a row cannot spell that name")


def suggest_spelling(usage: Usage) -> Suggestion:
    """Return the row of `attributes.tsv` that would read the usage."""
    concept = _concept(usage)
    if not concept:
        return Suggestion("", f"no concept of the tables is {usage.looks_like}")
    place = _place(usage)
    if place is None:
        return Suggestion(
            "", "its example is gone, or has it where no row can look: in cut JSON, or in text inside JSON"
        )
    if any(place == (known.attribute, known.path) for known in _known()):
        return Suggestion("", "a row reads it, but the spans tell another number under a name that wins")
    wanted = Spelling(concept, *place, _label(usage.emitter))
    row = _row(concept, ": ".join(filter(None, (place[0], ".".join(place[1])))), wanted.convention)
    if not row or read_spellings(f"{ATTRIBUTES_HEAD}\n{row}") != [wanted]:
        return _UNSPELLABLE
    return Suggestion(row, _doubt(usage))


def suggest_kind(scope: str, span_name: str) -> Suggestion:
    """Return the row of `kinds.tsv` that takes spans of that name (`%` is any text) for calls of a model."""
    row = _row("model", "span name", span_name, scope, _label(scope))
    return Suggestion(row, "") if row else _UNSPELLABLE


@cache
def _known() -> tuple[Spelling, ...]:
    return tuple(spellings())


def _concept(usage: Usage) -> str:
    if usage.looks_like in _MEDIA:
        side = "Output" if _OUTPUT.search(usage.name) else "Input"
        concept = f"{side}{usage.looks_like.title()}Tokens"
    elif _UNCACHED.search(usage.name):
        concept = "UncachedInputTokens"
    else:
        concept = _CONCEPTS.get(usage.looks_like, "")
    return concept if any(concept == known.concept for known in _known()) else ""


def _doubt(usage: Usage) -> str:
    if usage.looks_like == "cache_read" and not _READ.search(usage.name):
        return "read from a cache, or written to one?"
    if usage.looks_like in _MEDIA and not _INPUT.search(usage.name) and not _OUTPUT.search(usage.name):
        return "part of the input, or of the output?"
    return ""


def _place(usage: Usage) -> tuple[str, tuple[str, ...]] | None:
    """The attribute, and the path into its JSON, where the usage is; None if no row can look there."""
    if usage.name in usage.attributes or ": " not in usage.name:
        return usage.name, ()
    for attribute, text in usage.attributes.items():
        key = usage.name.removeprefix(f"{attribute}: ")
        if key != usage.name and (paths := list(_paths(_parsed(text), key, _DEEPEST))):
            return attribute, min(paths, key=lambda path: (not _is_in_usage(path), len(path), path))
    return None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _paths(value: object, key: str, deepest: int) -> Iterator[tuple[str, ...]]:
    """The paths to every count of that key."""
    if deepest == 0:
        return
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inside in steps:
        # A path of the tables has dots between its steps, and takes digits for a place in a list.
        if isinstance(step, str) and (not step or "." in step or step.isdigit()):
            continue
        if step == key and type(inside) is int and inside >= 0:
            yield (step,)
        yield from ((str(step), *path) for path in _paths(inside, key, deepest - 1))


def _is_in_usage(path: tuple[str, ...]) -> bool:
    return any(re.search("usage|token", step, re.IGNORECASE) for step in path[:-1])


def _label(emitter: str) -> str:
    return printable(emitter)[:_LONGEST_LABEL] or "seen"


def _row(*cells: str) -> str:
    """The cells as a row; '' if it would be too long to read, or a cell has what no row can hold."""
    row = "\t".join(cells)
    return row if len(row) <= _LONGEST_ROW and all(map(str.isprintable, cells)) else ""
