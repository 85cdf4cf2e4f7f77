"""Triggers, patterns and judgements of patterns: events that are records of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from opentelemetry.util.types import AnyValue

from spanhouse import _attribution, _events
from spanhouse._best_effort import fraction, recording
from spanhouse._capture import to_whole_json
from spanhouse._session import Session
from spanhouse._verdict import Verdict
from spanhouse.attributes import (
    AGENT_ID,
    AGENT_NAME,
    AGENT_VERSION,
    CONVERSATION_ID,
    FEEDBACK_COMMENT,
    FEEDBACK_PATTERN_ID,
    FEEDBACK_SCORE,
    PATTERN_CONFIDENCE,
    PATTERN_DESCRIPTION,
    PATTERN_EVIDENCE,
    PATTERN_EXECUTION_CONTEXT,
    PATTERN_ID,
    PATTERN_INSIGHT_TYPE,
    PATTERN_NAME,
    PATTERN_TYPE,
    SESSION_ID,
    TASK_ID,
    TRIGGER_BUDGET_REMAINING_USD,
    TRIGGER_BUDGET_USED_USD,
    TRIGGER_CONTEXT,
    TRIGGER_INVOKED,
    TRIGGER_REASON,
    TRIGGER_SKIP_REASON,
    USER_ID,
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a trigger is to invoke the agent, and if not, why; and what the budget said.

    In a condition it is `invoked`.
    """

    invoked: bool
    skip_reason: str | None
    verdict: Verdict

    def __bool__(self) -> bool:
        return self.invoked


def trigger(
    reason: str,
    *,
    context: object = None,
    session: Session | str | None = None,
    skip: str | None = None,
    agent: str | None = None,
    user: str | None = None,
) -> Decision:
    """Decide whether what asks for a run gets it, and record that: `if spanhouse.trigger("training_completed"):`.

    It does unless `skip` says why not (`operation_still_running`), or the budget of the agent, user, session or tenant
    is spent (`budget_exceeded`), or nobody knows the budget and the policy is closed (`budget_unknown`). The budget is
    what `spanhouse.budget.check` knows at once. `context` is what else is known: a text, or anything that can be JSON.

    Session, user and agent are those that the caller is in, unless others are named.
    """
    session_id = session.id if isinstance(session, Session) else session
    from spanhouse import budget  # noqa: PLC0415  # it is loaded with the first trigger, not with the SDK

    verdict = budget.check(agent, user, session_id)
    skip_reason = skip or (None if verdict.allowed else "budget_exceeded" if verdict.known else "budget_unknown")
    with recording("trigger"):
        tightest = verdict.tightest
        said: dict[str, AnyValue] = {
            **_named(agent),
            SESSION_ID: session_id,
            CONVERSATION_ID: session_id,
            USER_ID: user,
            TRIGGER_REASON: reason,
            TRIGGER_CONTEXT: None if context is None else to_whole_json(context),
            TRIGGER_INVOKED: skip_reason is None,
            TRIGGER_SKIP_REASON: skip_reason,
            TRIGGER_BUDGET_USED_USD: _amount(tightest.used_usd) if tightest else None,
            TRIGGER_BUDGET_REMAINING_USD: _amount(tightest.remaining_usd) if tightest else None,
        }
        _events.emit("spanhouse.trigger", said)
    return Decision(skip_reason is None, skip_reason, verdict)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that is known by its id, whoever discovered it."""

    id: str

    def referenced(self) -> None:
        """Record that an agent made use of it."""
        pattern_referenced(self.id)

    def feedback(self, score: float, comment: str | None = None) -> None:
        """Judge it, from 0 (misleading) to 1 (right and useful)."""
        feedback(self.id, score, comment)


def pattern(
    id: str,
    *,
    type: str | None = None,
    name: str | None = None,
    description: str | None = None,
    confidence: float | None = None,
    evidence: Sequence[object] | str = (),
    insight_type: str | None = None,
    execution_context: object = None,
    discovered_by: str | None = None,
    task: str | None = None,
) -> Pattern:
    """Record that a pattern was observed, for the first time or once more: its evidence is added up.

    `confidence` is from 0 to 1; `evidence` is one text or several items, `execution_context` a text or anything that
    can be JSON. `discovered_by` is an agent and `task` the id of a task, by default those that the caller is in. An
    observation whose confidence is out of bounds is refused: it is counted, and said once in the log.
    """
    items = [evidence] if isinstance(evidence, str) else evidence
    with recording("pattern"):
        said: dict[str, AnyValue] = {
            **_named(discovered_by),
            TASK_ID: task or _attribution.of().task or None,
            PATTERN_ID: id,
            PATTERN_TYPE: type,
            PATTERN_NAME: name,
            PATTERN_DESCRIPTION: description,
            PATTERN_CONFIDENCE: None if confidence is None else fraction("confidence", confidence),
            PATTERN_EVIDENCE: [to_whole_json(item) for item in items] or None,
            PATTERN_INSIGHT_TYPE: insight_type,
            PATTERN_EXECUTION_CONTEXT: None if execution_context is None else to_whole_json(execution_context),
        }
        _events.emit("spanhouse.pattern", said)
    return Pattern(id)


def pattern_referenced(id: str) -> None:
    """Record that an agent made use of the pattern with this id."""
    with recording("use of a pattern"):
        _events.emit("spanhouse.pattern.referenced", {PATTERN_ID: id})


def feedback(pattern_id: str, score: float, comment: str | None = None) -> None:
    """Judge a pattern, from 0 (misleading) to 1 (right and useful). Any other score is refused, as in `pattern`."""
    with recording("judgement of a pattern"):
        judged = fraction("score", score)
        _events.emit(
            "spanhouse.feedback",
            {FEEDBACK_PATTERN_ID: pattern_id, FEEDBACK_SCORE: judged, FEEDBACK_COMMENT: comment},
        )


def _named(agent: str | None) -> dict[str, str]:
    """An agent by its name, without the id and version of the one that the caller may be in."""
    return {AGENT_NAME: agent, AGENT_ID: "", AGENT_VERSION: ""} if agent else {}


def _amount(usd: Decimal | None) -> float | None:
    return None if usd is None else float(usd)
