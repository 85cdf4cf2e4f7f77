"""How the views recognise an ending: `endings.tsv` as one regular expression for each.

What a span says of its error is one text in lower case: what the error is called, each with an `ERROR_TYPE` behind it,
then the messages, each with a `MESSAGE` behind it; a `MESSAGE` begins both. RE2 goes through it in linear time.
"""

import re
from collections.abc import Iterable

from spanhouse_schema.conventions import EndingRule, ending_rules

ERROR_TYPE, MESSAGE = "\x1f", "\x1e"
_START = f"[{MESSAGE}{ERROR_TYPE}]"
_ANY = f"[^{MESSAGE}{ERROR_TYPE}]*"
# A name's last part is what counts: `asyncio.exceptions.CancelledError`, `tokio::task::Cancelled`, `*context.Canceled`.
_QUALIFIED = r"[.:/$\[*']"


def patterns() -> dict[str, str]:
    """Return a regular expression for each ending, in the order in which they win."""
    names = dict.fromkeys(rule.ending for rule in ending_rules())
    return {name: _pattern([rule for rule in ending_rules() if rule.ending == name]) for name in names}


def _pattern(rules: list[EndingRule]) -> str:
    types = [rule.text for rule in rules if rule.where == "type"]
    messages = [rule.text for rule in rules if rule.where == "message"]
    found = [rf"(?:{_START}|{_QUALIFIED})(?:{_any(types)})(?:\({_ANY}\))?['\]>]*{ERROR_TYPE}"]
    if classes := [name for name in types if _is_class(name)]:
        found.append(rf"{MESSAGE}(?:[a-z0-9_.$]*[.$])?(?:{_any(classes)})(?:[:(]|[.\s]*{MESSAGE})")
    if messages:
        found.append(rf"{MESSAGE}\s*(?:[a-z0-9_.$]+: )?(?:{_any(messages)})[.\s]*{MESSAGE}")
    return "|".join(found)


def _is_class(name: str) -> bool:
    """Whether it looks like a class, `CancelledError`, and not like a word, `cancelled`."""
    return bool(re.search(r"[a-z][A-Z]|\}\{?[A-Z]", name))


def _any(texts: Iterable[str]) -> str:
    return "|".join(_spelled(text.lower()) for text in texts)


def _spelled(text: str) -> str:
    marks = {"%": _ANY, "{": "(?:", "|": "|", "}": ")"}
    return "".join(marks.get(part) or re.escape(part) for part in re.split(r"([%{|}])", text))
