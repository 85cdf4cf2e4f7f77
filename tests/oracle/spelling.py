"""What a span says, concept by concept, in the spellings that the tables of conventions list."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from spanhouse_schema.conventions import KindRule, Spelling, kind_rules, spellings
from tests.reference import Row

_NUMBERS = ("Tokens", "USD")


def said(row: Row) -> dict[str, str]:
    """What the span's attributes say of each concept, as text; '' of what they do not tell."""
    # Logfire says null where there is nothing.
    attributes = {key: text for key, text in row["SpanAttributes"].items() if text != "null"}
    return {
        concept: first(_value(spelling, attributes) for spelling in found if spelling.attribute in attributes)
        for concept, found in _concepts().items()
    }


def kind(row: Row) -> str:
    """The kind that the first rule which fits gives the span."""
    return next((rule.kind for rule in _rules() if _fits(rule, row)), "other")


def event(row: Row, name: str, which: int = 0) -> dict[str, str] | None:
    """The attributes of the first (or, with -1, the last) event of that name; None where there is none."""
    found = [a for n, a in zip(row["Events.Name"], row["Events.Attributes"], strict=True) if n == name]
    return found[which] if found else None


def first(texts: Iterable[str]) -> str:
    """The first text that is not empty."""
    return next((text for text in texts if text), "")


@cache
def _rules() -> list[KindRule]:
    return kind_rules()


@cache
def _concepts() -> dict[str, list[Spelling]]:
    found: dict[str, list[Spelling]] = {}
    for spelling in spellings():
        found.setdefault(spelling.concept, []).append(spelling)
    return found


def _fits(rule: KindRule, row: Row) -> bool:
    if rule.scope not in {"", row["ScopeName"]}:
        return False
    if rule.where == "span name":
        return bool(_pattern(rule.value).fullmatch(row["SpanName"]))
    return bool(row["SpanAttributes"].get(rule.where) == rule.value)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """`%` stands for any text."""
    return re.compile(".*".join(map(re.escape, text.split("%"))), re.DOTALL)


def _value(spelling: Spelling, attributes: Mapping[str, str]) -> str:
    text = attributes[spelling.attribute]
    if not spelling.path or not text:
        return text
    found = _inside(text, spelling.path)
    if found is None or (isinstance(found, str) and not spelling.concept.endswith(_NUMBERS)):
        return found or ""
    # A number in quotes is none; 12.0 is 12.
    return str(int(found)) if isinstance(found, float) and found.is_integer() else json.dumps(found)


def _inside(text: str, path: Iterable[str]) -> Any:
    """What stands at `path` in JSON; None where nothing does, and in what is no JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for step in path:
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return None
    return value
