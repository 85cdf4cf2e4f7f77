"""Runs of frameworks: an agent's span that any instrumentation starts is a run, live and attributed like one of ours.

What decides is what the span says when it starts, in the conventions of `docs/conventions.md`. That it has completed or
failed its end says; only that it was cancelled, which instrumentations report as an error or not at all, is found here.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from weakref import ref

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import StatusCode, format_span_id, set_span_in_context

from spanhouse import _attribution, _context
from spanhouse._context import UNATTRIBUTED, Attribution, Inherited
from spanhouse._recording import type_name
from spanhouse.attributes import (
    AGENT_NAME,
    ERROR_TYPE,
    EXECUTION_AGENT_NAME,
    EXECUTION_ID,
    EXECUTION_STATUS_MESSAGE,
    OPERATION_NAME,
    PARENT_EXECUTION_ID,
    TASK_ID,
    WORKFLOW_NAME,
)
from spanhouse.execution import Execution

# By the attribute that says what a span is: its values that say it is a run. A span has one of them, or none.
_RUNS = (
    (OPERATION_NAME, ("invoke_agent", "invoke_workflow")),
    ("openinference.span.kind", ("AGENT",)),
    ("traceloop.span.kind", ("agent", "workflow")),
)
_RUN_NAMES = ("invoke_agent ", "invoke_workflow ", "agent run", "agent_run [")
# What says invoke_agent there is a node of a graph.
_NO_RUNS = frozenset({"openlit.instrumentation.langgraph"})
# What says nothing when it starts; but its outermost span is the run.
_SILENT = frozenset({"openinference.instrumentation.langchain"})

_AGENT_NAMES = (AGENT_NAME, "agent_name", "agent.name", WORKFLOW_NAME, "traceloop.entity.name")
_AROUND_NAME = re.compile(r"^(invoke_agent|invoke_workflow) |^agent_run \[|\]$|\.run$")

_CANCELLATION = re.compile(r"(?:\w+\.)*(?:CancelledError|KeyboardInterrupt|SystemExit)\b")


class AttributionProcessor(SpanProcessor):
    """Sets on each span, when it starts, whose work it is; one that is a framework's run begins one of ours."""

    def __init__(self) -> None:
        # By the id of its span, which may be dropped without having ended. weakref's own dictionary is slow to ask.
        self._running: dict[int, ref[_FrameworkRun]] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Attribute a span to the run that it is or that it is below, of whoever's making."""
        context = get_current() if parent_context is None else parent_context
        inherited = _context.inherited(context)
        attribution = inherited.attribution
        if attribution is UNATTRIBUTED:
            attribution = _attribution.told(context)
        if _is_run(span):
            name = _name(span)
            # An agent in an agent of the same name is the same run, seen twice.
            if attribution.carried.get(EXECUTION_AGENT_NAME) != name:
                attribution = self._begin(span, name, attribution, context)
        if attribution.carried:
            span.set_attributes(attribution.carried)
        if attribution is not inherited.attribution:
            inherited = Inherited(inherited.attached, attribution)
        if attribution is not inherited.attached:
            _context.hand_down(span, inherited)

    def on_end(self, span: ReadableSpan) -> None:
        """End the run that the span is."""
        if not self._running:
            return
        running = self._running.pop(span.context.span_id, None) if span.context else None
        if running and (run := running()):
            run.over(span)

    def _begin(self, span: Span, name: str, outer: Attribution, parent_context: Context) -> Attribution:
        span_id = span.get_span_context().span_id
        who = {AGENT_NAME: name}
        if EXECUTION_ID in outer.carried:
            who[PARENT_EXECUTION_ID] = outer.carried[EXECUTION_ID]
        if outer.task:
            span.set_attribute(TASK_ID, outer.task)
        context = set_span_in_context(span, parent_context)
        run = _FrameworkRun(span, context, who)
        attribution = outer.with_({EXECUTION_ID: format_span_id(span_id), EXECUTION_AGENT_NAME: name})
        attribution = replace(attribution, execution=run, task="")
        run.context = _context.carrying(attribution, context)
        self._running[span_id] = ref(run, lambda _: self._running.pop(span_id, None))
        run.begin()
        return attribution


class _FrameworkRun(Execution):
    """A run whose span a framework ends."""

    __slots__ = ("_raised_before",)

    def begin(self) -> None:
        """Say that it is running."""
        self._raised_before = id(sys.exc_info()[1])
        super().begin()

    def over(self, span: ReadableSpan) -> None:
        """Its span has ended: it is not heard of any more."""
        self.forget()
        raised = sys.exc_info()[1]
        # A run that began in an `except` block ends in it; and generators are closed in good order, too.
        if isinstance(raised, Exception | GeneratorExit) or id(raised) == self._raised_before:
            raised = None
        if cancellation := type_name(raised) if raised else _cancellation(span):
            self._say("cancelled", {EXECUTION_STATUS_MESSAGE: cancellation})


def _is_run(span: Span) -> bool:
    scope = span.instrumentation_scope.name if span.instrumentation_scope else ""
    if scope == "spanhouse" or scope in _NO_RUNS:
        return False
    said = span.attributes or {}
    for name, values in _RUNS:
        if name in said:
            return said[name] in values
    return span.name.startswith(_RUN_NAMES) or (scope in _SILENT and span.parent is None)


def _name(span: Span) -> str:
    said = span.attributes or {}
    return next((str(said[name]) for name in _AGENT_NAMES if said.get(name)), _AROUND_NAME.sub("", span.name))


def _cancellation(span: ReadableSpan) -> str:
    """What cancelled or interrupted the run that this span was, as far as it says so, or nothing."""
    if span.status.status_code is not StatusCode.ERROR:
        return ""
    said = [(span.attributes or {}).get(ERROR_TYPE), span.status.description]
    said += [(event.attributes or {}).get("exception.type") for event in span.events]
    found = next(filter(None, (_CANCELLATION.match(str(each)) for each in said)), None)
    return found[0] if found else ""
