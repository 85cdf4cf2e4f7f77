"""One span in the product's own words, whatever the convention that it is written in: a row of `agent_spans`."""

import json
import re
from collections.abc import Iterator, Mapping
from csv import DictReader
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from tests.reference import Row

CALLS = frozenset({"model", "embedding", "tool"})
BUCKETS = ("input", "cache_read", "cache_write", "output", "reasoning")
_PREVIEW = 200
_CANCELLED = re.compile(r"(^|\.)(asyncio\.)?cancell?ed(error)?$|(^|\.)(aborterror|taskcanceledexception)$")


@dataclass(frozen=True)
class NormalSpan:
    """A span, narrow. Times are nanoseconds since 1970; `usage` has the buckets that the span reports."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    signature: tuple[str, str]
    kind: str
    start: int
    end: int | None
    failed: bool
    cancelled: bool
    said: Mapping[str, str]
    named: bool
    usage: Mapping[str, int] = field(default_factory=dict)
    inconsistent: bool = False

    @property
    def agent_name(self) -> str:
        return self.said["AgentName"]


def normalise(row: Row) -> NormalSpan | None:
    """What a row of `otel_traces` says, or None for one that announces a span and is none (Logfire's pending spans)."""
    attributes = row["SpanAttributes"]
    if attributes.get("logfire.span_type") == "pending_span":
        return None
    said = {concept: _first(spellings, row) for concept, spellings in _attributes().items()}
    kind = _kind(row)
    if kind == "chain" and said["ChainAgentName"] == row["SpanName"] != "":
        kind = "agent"
    named = bool(said["AgentName"] or said["ChainAgentName"])
    said["AgentName"] = said["AgentName"] or said["ChainAgentName"] or _agent_name(row["SpanName"])
    said["ToolName"] = said["ToolName"] or _tool_name(row["SpanName"])
    said["Input"] = said["Input"] or _event(row, "gen_ai.user.message").get("content", "")
    said["Output"] = said["Output"] or _event(row, "gen_ai.choice").get("message", "")
    exception = _event(row, "exception", -1)
    said_error_type = said["ErrorType"]
    said["ErrorType"] = said["ErrorType"] or exception.get("exception.type", "")
    said["ErrorMessage"] = said["ErrorMessage"] or row["StatusMessage"] or exception.get("exception.message", "")
    failed = (
        row["StatusCode"] == "Error"
        or said["Failed"] in {"true", "error"}
        or (kind in CALLS and bool(said_error_type))
        or (bool(exception) and "langsmith.span.kind" in attributes)
    )
    usage, inconsistent = _usage(said) if kind not in {"other", "chain"} else ({}, False)
    return NormalSpan(
        row["TraceId"],
        row["SpanId"],
        row["ParentSpanId"],
        row["SpanName"],
        (row["ScopeName"], row["SpanName"]),
        kind,
        row["Timestamp"],
        row["Timestamp"] + row["Duration"] if row["Duration"] < 2**63 else None,
        failed,
        failed and bool(_CANCELLED.search(said["ErrorType"].lower())),
        said,
        named,
        usage,
        inconsistent,
    )


@cache
def _attributes() -> dict[str, list[tuple[str, list[str]]]]:
    spellings: dict[str, list[tuple[str, list[str]]]] = {}
    for line in _table("attributes"):
        key, _, path = line["attribute"].partition(": ")
        spellings.setdefault(line["concept"], []).append((key, path.split(".") if path else []))
    return spellings


@cache
def _kinds() -> list[dict[str, str]]:
    return list(_table("kinds"))


def _table(name: str) -> Iterator[dict[str, str]]:
    text = files("spanhouse_schema").joinpath("conventions", f"{name}.tsv").read_text(encoding="utf-8")
    yield from DictReader((line for line in text.splitlines() if not line.startswith("#")), delimiter="\t")


def _first(spellings: list[tuple[str, list[str]]], row: Row) -> str:
    for key, path in spellings:
        value = row["SpanAttributes"].get(key, "")
        text = _inside(value, path) if path else value
        if text:
            return str(text)
    return ""


def _inside(text: str, path: list[str]) -> str:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return ""
    for step in path:
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return ""
    return "" if isinstance(value, bool | dict | list) or value is None else str(value)


def _kind(row: Row) -> str:
    for rule in _kinds():
        if rule["scope"] and rule["scope"] != row["ScopeName"]:
            continue
        if rule["where"] == "span name":
            pattern = ".*".join(re.escape(part) for part in rule["value"].split("%"))
            if re.fullmatch(pattern, row["SpanName"], re.DOTALL):
                return rule["kind"]
        elif row["SpanAttributes"].get(rule["where"]) == rule["value"]:
            return rule["kind"]
    return "other"


def _agent_name(name: str) -> str:
    for pattern in (
        r"(?:invoke_agent|invoke_workflow) (.+)",
        r"agent_run \[(.+)\]",
        r"(.+)\.(?:run|agent|workflow|kickoff)",
    ):
        if found := re.fullmatch(pattern, name, re.DOTALL):
            return found[1]
    return name


def _tool_name(name: str) -> str:
    for pattern in (r"execute_tool (.+)", r"(?:.* )?tools/call (.+)", r"(.+)\.(?:run|tool|__call__)"):
        if found := re.fullmatch(pattern, name, re.DOTALL):
            return found[1]
    return name


def _event(row: Row, name: str, which: int = 0) -> dict[str, str]:
    """The attributes of the first (or, with -1, the last) event of that name."""
    found = [a for n, a in zip(row["Events.Name"], row["Events.Attributes"], strict=True) if n == name]
    return found[which] if found else {}


def _usage(said: Mapping[str, str]) -> tuple[dict[str, int], bool]:
    """The disjoint buckets, and whether the report contradicts itself (then they are as reported)."""
    number = {name: _tokens(said[name]) for name in said if name.endswith("Tokens")}
    read, write = number["CacheReadTokens"], number["CacheWriteTokens"]
    total, uncached = number["InputTokens"], number["UncachedInputTokens"]
    output, reasoning = number["OutputTokens"], number["ReasoningTokens"]
    inside = (read or 0) + (write or 0)
    inconsistent = (total is not None and inside > total) or (output is not None and (reasoning or 0) > output)
    given = uncached if total is None else total if inconsistent else total - inside
    if output is None:
        output = number["UnreasonedOutputTokens"]
    elif not inconsistent:
        output -= reasoning or 0
    buckets = dict(zip(BUCKETS, (given, read, write, output, reasoning), strict=True))
    return {name: value for name, value in buckets.items() if value is not None}, inconsistent


def _tokens(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
