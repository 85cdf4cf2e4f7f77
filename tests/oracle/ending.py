"""How a span says that it ended, where it is more than a failure: paused, handed over, timed out, cancelled."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from spanhouse_schema.conventions import ending_rules
from tests.oracle.spelling import event
from tests.reference import Row

_WRAPPERS = (["result"], ["response"], ["data"], ["kwargs"], ["output"], ["output", "data"], ["output", "kwargs"])
_OF_A_TOOL = {"tool_call_id", "toolUseId", "error_message"}
_LISTS: tuple[list[str], ...] = ([], ["content"], ["messages"], ["output", "update", "messages"])


def ending(row: Row, said: Mapping[str, str]) -> str:
    """The first ending of the table that the span's error types and messages tell of; '' where they tell of none."""
    # What a span that says it is fine tells of exceptions is what it handled, but for its error.type. LangSmith's spans
    # always say that they are.
    if row["StatusCode"] == "Ok" and not said["LangSmithKind"] and not said["ErrorType"]:
        return ""
    exception = event(row, "exception", -1) or {}
    types = [said["ErrorType"], exception.get("exception.type", ""), said["EndedAs"], f"grpc {said['GrpcStatus']}"]
    messages = [said["ErrorMessage"], row["StatusMessage"], exception.get("exception.message", "")]
    names = {rule.ending: None for rule in ending_rules()}
    return next((name for name in names if _tells_of(name, types, messages)), "")


def result_failed(text: str) -> bool:
    """Whether a tool's result, where it is JSON, says that the tool failed."""
    try:
        result = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return any(_is_failure(part) for part in _parts(result))


def _tells_of(name: str, types: Iterable[str], messages: Iterable[str]) -> bool:
    known, classes, phrases = _texts(name)
    if any(each.fullmatch(_last_part(text)) for text in types for each in known):
        return True
    return any(_names_one(message.strip(), classes) or _is_one(message, phrases) for message in messages if message)


@cache
def _texts(name: str) -> tuple[list[re.Pattern[str]], list[re.Pattern[str]], list[re.Pattern[str]]]:
    """What errors of this ending are called, which of these are classes, and what they say."""
    rules = [rule for rule in ending_rules() if rule.ending == name]
    types = [rule.text for rule in rules if rule.where == "type"]
    # `{Task|Job}{Cancelled|Aborted}` is a class, too.
    classes = [_pattern(text) for text in types if re.search(r"[a-z][A-Z]|\}\{?[A-Z]", text)]
    messages = [rule.text for rule in rules if rule.where == "message"]
    return [_pattern(text) for text in types], classes, [_pattern(text) for text in messages]


def _pattern(text: str) -> re.Pattern[str]:
    """`%` stands for any text, `{a|b}` for one of these."""
    parts = re.split(r"(%|\{[^}]*\})", text)
    spelled = (
        ".*"
        if part == "%"
        else f"(?:{'|'.join(map(re.escape, part[1:-1].split('|')))})"
        if part[:1] == "{"
        else re.escape(part)
        for part in parts
    )
    return re.compile("".join(spelled), re.DOTALL | re.IGNORECASE | re.ASCII)


def _last_part(text: str) -> str:
    """`CancelledError` of `<class 'asyncio.CancelledError'>`, `Cancelled` of `JoinError::Cancelled(Id(1))`."""
    bare = re.sub(r"\(.*\)\Z", "", text.rstrip("'>]"), flags=re.DOTALL)
    return re.split(r"[.:/$\[*']", bare)[-1]


def _names_one(message: str, classes: Iterable[re.Pattern[str]]) -> bool:
    """Whether a message is the name of a class, or begins with it: `asyncio.CancelledError: …`, `GraphInterrupt(…`."""
    head = re.split(r"[:(]", message, maxsplit=1)[0]
    is_alone = head == message
    name = head.rstrip(". \n\r\t\f") if is_alone else head
    is_name = re.fullmatch(r"[\w.$]*", name, re.ASCII)
    return bool(is_name) and any(each.fullmatch(re.split(r"[.$]", name)[-1]) for each in classes)


def _is_one(message: str, phrases: Iterable[re.Pattern[str]]) -> bool:
    text = message.strip(" \t\n\r\f")
    bare = re.sub(r"^[\w.$]+: ", "", text, flags=re.ASCII)
    spelled = {text, bare, text.rstrip(". \t\n\r\f"), bare.rstrip(". \t\n\r\f")}
    return any(each.fullmatch(one) for each in phrases for one in spelled)


def _parts(result: Any) -> Iterator[Any]:
    yield result
    for path in _WRAPPERS:
        yield _at(result, path)
    for path in _LISTS:
        found = _at(result, path)
        yield from found if isinstance(found, list) else []


def _at(value: Any, path: Iterable[str]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _is_failure(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    # Some write 1 for true.
    says_so = any(isinstance(part.get(key), int) and part[key] != 0 for key in ("isError", "is_error"))
    return says_so or (part.get("status") == "error" and not part.keys().isdisjoint(_OF_A_TOOL))
