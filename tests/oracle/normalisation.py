"""One span in the product's own words, whatever the convention that it is written in: a row of `agent_spans`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.oracle import spelling
from tests.oracle.ending import ending, result_failed
from tests.oracle.spelling import event, first
from tests.oracle.usage import NOTHING, Emitter, Report, Use, report, tier
from tests.reference import Row

CALLS = frozenset({"model", "embedding", "tool"})
RUNS = frozenset({"agent", "workflow"})

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
    """A span, narrow. Times are nanoseconds since 1970. What it used is known when the spans of its trace are."""

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
    # Its status is OK, whatever else it says.
    says_ok: bool
    # Each concept as text, '' for what it does not say.
    said: Mapping[str, str]
    # Whether an attribute gave the agent's name, not the span's own name.
    named: bool
    reported: Report
    # What that comes to, when the trace is known.
    use: Use = NOTHING

    @property
    def usage(self) -> Usage:
        """The disjoint buckets of tokens."""
        return self.use.buckets

    @property
    def emitter(self) -> Emitter:
        """Who wrote it."""
        return Emitter(self.scope, self.said["Provider"], self.said["ResponseModel"] or self.said["RequestModel"])


def normalise(row: Row) -> NormalSpan | None:
    """What a row of `otel_traces` says, or None for one that announces a span and is none (Logfire's pending spans)."""
    if row["SpanAttributes"].get("logfire.span_type") == "pending_span":
        return None
    said = spelling.said(row)
    reported = report(row["SpanAttributes"], said)
    kind = _kind(row, said)
    if not kind:
        kind = "usage" if any(reported.told.values()) else "other"
    named = bool(said["AgentName"] or said["ChainAgentName"])
    ended = ending(row, said)
    failed = _failed(row, said, kind)
    said |= _filled_in(row, said)
    if ended == "paused":
        said["Status"] = said["Status"] or "paused"
    has_failed = ended == "cancelled" or (failed and ended not in {"paused", "handed over"})
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
        says_ok=row["StatusCode"] == "Ok",
        said=said,
        named=named,
        reported=reported,
    )


def _kind(row: Row, said: Mapping[str, str]) -> str:
    kind = spelling.kind(row)
    # Of the chains of a graph, the one that bears the agent's name is the agent.
    return "agent" if kind == "chain" and said["ChainAgentName"] == row["SpanName"] != "" else kind


def _failed(row: Row, said: Mapping[str, str], kind: str) -> bool:
    return (
        row["StatusCode"] == "Error"
        or said["Failed"].lower() in {"true", "error", "failed"}
        or (kind in CALLS | {"usage"} and said["ErrorType"] != "")
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
        "ServiceTier": said["ServiceTier"] or tier(row["SpanAttributes"]),
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
