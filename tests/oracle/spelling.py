"""What a span says, concept by concept, in the spellings that the tables of conventions list."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from spanhouse_schema.conventions import KindRule, Spelling, kind_rules, spellings
from tests.reference import Row

_NUMBERS = ("Tokens", "USD")
_NAME = "span name"


def said(row: Row) -> dict[str, str]:
    """What the span's attributes say of each concept, as text; '' of what they do not tell."""
    # Logfire says null where there is nothing.
    attributes = {key: text for key, text in row["SpanAttributes"].items() if text != "null"}
    told = {concept for key in attributes for concept in _told_by().get(key, ())}
    return dict.fromkeys(_concepts(), "") | {
        concept: _first(
            concept, [_value(each, attributes) for each in _concepts()[concept] if each.attribute in attributes]
        )
        for concept in told
    }


def kind(row: Row) -> str:
    """The kind that the first rule which fits gives the span; '' where none fits."""
    told = tuple(row["SpanAttributes"].get(attribute) for attribute in _told_kinds())
    return _kind(row["ScopeName"], row["SpanName"], told)


def event(row: Row, name: str, which: int = 0) -> dict[str, str] | None:
    """The attributes of the first (or, with -1, the last) event of that name; None where there is none."""
    found = [a for n, a in zip(row["Events.Name"], row["Events.Attributes"], strict=True) if n == name]
    return found[which] if found else None


def first(texts: Iterable[str]) -> str:
    """The first text that is not empty."""
    return next((text for text in texts if text), "")


def inside(text: str, path: Iterable[str]) -> Any:
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


def _first(concept: str, texts: list[str]) -> str:
    """The first that says something; of counts the first that is one."""
    if concept.endswith("Tokens"):
        return first(text for text in texts if re.fullmatch(r"\+?[0-9]{1,18}", text) and len(text) <= 18)
    return first(texts)


@cache
def _told_by() -> dict[str, set[str]]:
    """The concepts that each attribute may tell."""
    found: dict[str, set[str]] = {}
    for spelling in spellings():
        found.setdefault(spelling.attribute, set()).add(spelling.concept)
    return found


@cache
def _told_kinds() -> list[str]:
    """The attributes that rules ask for."""
    return sorted({rule.where for rule in _rules()} - {_NAME})


@cache
def _kind(scope: str, name: str, told: tuple[str | None, ...]) -> str:
    texts = dict(zip(_told_kinds(), told, strict=True)) | {_NAME: name}
    return next((rule.kind for rule in _rules() if _fits(rule, scope, texts)), "")


@cache
def _rules() -> list[KindRule]:
    return kind_rules()


@cache
def _concepts() -> dict[str, list[Spelling]]:
    found: dict[str, list[Spelling]] = {}
    for spelling in spellings():
        found.setdefault(spelling.concept, []).append(spelling)
    return found


def _fits(rule: KindRule, scope: str, texts: Mapping[str, str | None]) -> bool:
    if rule.scope not in {"", scope}:
        return False
    if rule.where == _NAME:
        return bool(_pattern(rule.value).fullmatch(texts[_NAME] or ""))
    told = texts[rule.where]
    return told is not None and _in_any_case(told) == _in_any_case(rule.value)


def _in_any_case(text: str) -> bytes:
    """Only ASCII has letter cases here."""
    return text.encode().lower()


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """`%` stands for any text."""
    return re.compile(".*".join(map(re.escape, text.split("%"))), re.DOTALL)


def _value(spelling: Spelling, attributes: Mapping[str, str]) -> str:
    text = attributes[spelling.attribute]
    if not spelling.path or not text:
        return text
    found = inside(text, spelling.path)
    if found is None or (isinstance(found, str) and not spelling.concept.endswith(_NUMBERS)):
        return found or ""
    # A number in quotes is none; 12.0 is 12.
    return str(int(found)) if isinstance(found, float) and found.is_integer() else json.dumps(found)
