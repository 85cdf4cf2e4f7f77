"""One span in the product's own words, whatever the convention that it is written in: a row of `agent_spans`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.oracle import spelling
from tests.oracle.ending import ending, result_failed
from tests.oracle.spelling import event, first
from tests.reference import Row

CALLS = frozenset({"model", "embedding", "tool"})
RUNS = frozenset({"agent", "workflow"})
BUCKETS = ("InputTokens", "CacheReadTokens", "CacheWriteTokens", "OutputTokens", "ReasoningTokens")

_OF_THE_RESOURCE = {
    "SessionId": ("gen_ai.conversation.id", "session.id"),
    "UserId": ("user.id",),
    "ClientAccountId": ("spanhouse.client_account.id",),
    "EngagementId": ("spanhouse.engagement.id",),
}
_OF_A_PROCESS = ("service.namespace", "service.instance.id", "host.name", "k8s.pod.uid", "process.pid")
_STATUSES = {
    **{name: name for name in ("created", "queued", "running", "blocked", "paused")},
    **{name: name for name in ("completed", "failed", "cancelled")},
    "pending": "created",
    "starting": "queued",
    "thinking": "running",
    "waiting_for_llm": "running",
    "success": "completed",
    "error": "failed",
    "timeout": "failed",
    "canceled": "cancelled",
}
_MESSAGES = frozenset({"thinking", "waiting_for_llm"})
_AGENT_IN_NAME = (
    r"(?:invoke_agent|invoke_workflow) (.+)",
    r"agent_run \[(.+)\]",
    r"(.+)\.(?:run|agent|workflow|kickoff)",
)
_TOOL_IN_NAME = (r"execute_tool (.+)", r"(?:.* )?tools/call (.+)", r"(.+)\.(?:run|tool|__call__)")
_LATEST_NS = 2**63 - 1

Usage = Mapping[str, int]


@dataclass(frozen=True)
class NormalSpan:
    """A span, narrow. Times are nanoseconds since 1970; `usage` has the buckets of tokens that the span reports."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    # Two instrumentations differ in this.
    scope: str
    # What the resource says of the process.
    process: tuple[str, ...]
    kind: str
    start: int
    # None where it ended before it began, or after what a time can hold.
    end: int | None
    failed: bool
    cancelled: bool
    # Its status is OK, and nothing else says that it failed.
    says_ok: bool
    # Each concept as text, '' for what it does not say.
    said: Mapping[str, str]
    # Whether an attribute gave the agent's name, not the span's own name.
    named: bool
    usage: Usage
    # A part is said to be greater than its whole: then the buckets are as reported.
    inconsistent: bool


def normalise(row: Row) -> NormalSpan | None:
    """What a row of `otel_traces` says, or None for one that announces a span and is none (Logfire's pending spans)."""
    if row["SpanAttributes"].get("logfire.span_type") == "pending_span":
        return None
    said = spelling.said(row)
    kind = _kind(row, said)
    named = bool(said["AgentName"] or said["ChainAgentName"])
    ended = ending(row, said)
    failed = _failed(row, said, kind)
    said |= _filled_in(row, said)
    if ended == "paused":
        said["Status"] = said["Status"] or "paused"
    has_failed = ended == "cancelled" or (failed and ended not in {"paused", "handed over"})
    usage, inconsistent = _usage(said) if kind in CALLS | RUNS else ({}, False)
    return NormalSpan(
        trace_id=row["TraceId"],
        span_id=row["SpanId"],
        parent_id=row["ParentSpanId"],
        name=row["SpanName"],
        scope=row["ScopeName"],
        process=(row["ServiceName"], *(row["ResourceAttributes"].get(key, "") for key in _OF_A_PROCESS)),
        kind=kind,
        start=row["Timestamp"],
        end=_end(row["Timestamp"], row["Duration"]) if row.get("EndIsKnown", True) else None,
        failed=has_failed,
        cancelled=ended == "cancelled",
        says_ok=row["StatusCode"] == "Ok" and not has_failed,
        said=said,
        named=named,
        usage=usage,
        inconsistent=inconsistent,
    )


def _kind(row: Row, said: Mapping[str, str]) -> str:
    kind = spelling.kind(row)
    # Of the chains of a graph, the one that bears the agent's name is the agent.
    return "agent" if kind == "chain" and said["ChainAgentName"] == row["SpanName"] != "" else kind


def _failed(row: Row, said: Mapping[str, str], kind: str) -> bool:
    return (
        row["StatusCode"] == "Error"
        or said["Failed"].lower() in {"true", "error"}
        or (kind in CALLS and said["ErrorType"] != "")
        # LangSmith marks a failed run with an exception, and as OK.
        or (said["LangSmithKind"] != "" and event(row, "exception") is not None)
        or (kind == "tool" and result_failed(said["ToolResult"] or said["Output"]))
    )


def _filled_in(row: Row, said: Mapping[str, str]) -> dict[str, str]:
    """What the rest of the span tells where its attributes do not: its name, its events, its status, its resource."""
    exception = event(row, "exception", -1) or {}
    prompt, answer = event(row, "gen_ai.user.message") or {}, event(row, "gen_ai.choice") or {}
    status = said["Status"].lower()
    filled = {
        "AgentName": said["AgentName"] or said["ChainAgentName"] or _in_name(row["SpanName"], _AGENT_IN_NAME),
        "ToolName": said["ToolName"] or _in_name(row["SpanName"], _TOOL_IN_NAME),
        "ToolArguments": said["ToolArguments"] or said["Input"],
        "ToolResult": said["ToolResult"] or said["Output"],
        "Input": said["Input"] or prompt.get("content", ""),
        "Output": said["Output"] or answer.get("message", ""),
        "Status": _STATUSES.get(status, ""),
        "StatusMessage": said["StatusMessage"] or (status if status in _MESSAGES else ""),
        "ErrorType": said["ErrorType"]
        or exception.get("exception.type", "")
        or ("timeout" if status == "timeout" else ""),
        "ErrorMessage": said["ErrorMessage"] or row["StatusMessage"] or exception.get("exception.message", ""),
    }
    resource = row["ResourceAttributes"]
    return filled | {
        concept: first([said[concept], *(resource.get(key, "") for key in keys)])
        for concept, keys in _OF_THE_RESOURCE.items()
    }


def _in_name(name: str, patterns: tuple[str, ...]) -> str:
    found = (re.fullmatch(pattern, name, re.DOTALL) for pattern in patterns)
    return next((match[1] for match in found if match), name)


def _end(start: int, duration: int) -> int | None:
    # A start before 1970 is one past 2262 that wrapped.
    longest = _LATEST_NS - start if start >= 0 else 0
    return start + duration if duration <= longest else None


def _usage(said: Mapping[str, str]) -> tuple[Usage, bool]:
    """The disjoint buckets, and whether the report contradicts itself."""
    told = {concept: _tokens(text) for concept, text in said.items() if concept.endswith("Tokens")}
    cached = (told["CacheReadTokens"] or 0) + (told["CacheWriteTokens"] or 0)
    reasoning = told["ReasoningTokens"] or 0
    whole_input, whole_output = told["InputTokens"], told["OutputTokens"]
    inconsistent = _exceeds(cached, whole_input) or _exceeds(reasoning, whole_output)
    if whole_input is None:
        told["InputTokens"] = told["UncachedInputTokens"]
    elif not inconsistent:
        told["InputTokens"] = whole_input - cached
    if whole_output is None:
        told["OutputTokens"] = told["UnreasonedOutputTokens"]
    elif not inconsistent:
        told["OutputTokens"] = whole_output - reasoning
    return {bucket: tokens for bucket in BUCKETS if (tokens := told[bucket]) is not None}, inconsistent


def _exceeds(part: int, whole: int | None) -> bool:
    return whole is not None and part > whole


def _tokens(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\+?[0-9]+", text) and len(text) <= 18 else None
