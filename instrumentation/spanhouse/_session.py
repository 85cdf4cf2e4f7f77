"""A session: a cycle of research, a conversation, whatever work belongs together; and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from types import TracebackType
from uuid import uuid4

from opentelemetry.context import create_key, get_value, set_value
from opentelemetry.util.types import AnyValue

from spanhouse import _attribution, _events
from spanhouse._async_context import Block
from spanhouse._best_effort import recording
from spanhouse._capture import to_whole_json
from spanhouse._context import Attached
from spanhouse.attributes import (
    CASE_ID,
    CLIENT_ACCOUNT_ID,
    CONVERSATION_ID,
    ENGAGEMENT_ID,
    FLOW_ID,
    SESSION_ASSESSMENT,
    SESSION_FAILURE_REASON,
    SESSION_GATE_FAILED,
    SESSION_ID,
    SESSION_OPERATION_ID,
    SESSION_OUTCOME,
    SESSION_PHASE,
    SESSION_STRATEGY_CONFIG,
    SESSION_STRATEGY_FILE,
    SESSION_STRATEGY_NAME,
    USER_ID,
    session_metric,
    session_results,
)

_KEY = create_key("spanhouse-session")


def session(
    id: str | None = None,
    *,
    user: str | None = None,
    client_account: str | None = None,
    engagement: str | None = None,
    case: str | None = None,
    flow: str | None = None,
) -> Session:
    """A session by its id, or a random one: runs inside `with spanhouse.session("cycle-42"):` belong to it.

    They are also of the user, client account, engagement, case and flow that are named here; what is not named stays as
    it is around the block. A session goes on as long as anybody uses its id, in any number of blocks, threads and
    processes.
    """
    named = {
        USER_ID: user,
        CLIENT_ACCOUNT_ID: client_account,
        ENGAGEMENT_ID: engagement,
        CASE_ID: case,
        FLOW_ID: flow,
    }
    return Session(id or uuid4().hex, {key: value for key, value in named.items() if value})


class Session(Block["Session"]):
    """A session with this id, which is what its methods speak of, inside and outside of its block.

    Of each thing, what is said last counts.
    """

    def __init__(self, id: str, ids: Mapping[str, str]) -> None:
        self.id = id
        self._carried = {SESSION_ID: id, CONVERSATION_ID: id, **ids}

    def phase(self, phase: str) -> None:
        """Say which phase it has entered, in any word: `designing`, `training`. `idle` is the one of no work."""
        self._say("phase", {SESSION_PHASE: phase})

    def strategy(self, name: str | None = None, *, config: object = None, file: str | None = None) -> None:
        """Say what it follows: a strategy's name, its configuration (a text, or anything as JSON), its file's path."""
        with recording("strategy"):
            said = None if config is None else to_whole_json(config)
            self._say(
                "strategy",
                {SESSION_STRATEGY_NAME: name, SESSION_STRATEGY_CONFIG: said, SESSION_STRATEGY_FILE: file},
            )

    def operation(self, id: str) -> None:
        """Say that an operation belongs to it: a job outside, a training run."""
        self._say("operation", {SESSION_OPERATION_ID: id})

    def training_results(self, results: object) -> None:
        """Record what training came to: JSON as text, or anything that can be JSON."""
        self.results("training", results)

    def backtest_results(self, results: object) -> None:
        """Record what the backtest came to: JSON as text, or anything that can be JSON."""
        self.results("backtest", results)

    def results(self, kind: str, results: object) -> None:
        """Record what work of a kind came to.

        Of `training` and `backtest` it is in `agent_sessions`, of other kinds in `execution_events` alone.
        """
        with recording("result"):
            self._say("results", {session_results(kind): to_whole_json(results)})

    def metric(self, name: str, value: float | bool) -> None:
        """Record a number or a flag. What is no finite number is refused: unknown is not zero."""
        self.metrics({name: value})

    def metrics(self, metrics: Mapping[str, float | bool] | None = None, /, **more: float | bool) -> None:
        """Record numbers and flags, by their names: `metrics(backtest_sharpe=1.4, early_stopped=True)`."""
        said: dict[str, AnyValue] = {}
        for name, value in {**(metrics or {}), **more}.items():
            with recording("metric"):
                said[session_metric(name)] = _number(name, value)
        if said:
            self._say("metrics", said)

    def assess(
        self, passed: bool, explanation: str | None = None, metrics: Mapping[str, float | bool] | None = None
    ) -> None:
        """Record whether what it came to is good enough, why, and by which numbers."""
        with recording("assessment"):
            assessment = {"passed": bool(passed), "explanation": explanation, "metrics": metrics}
            known = {key: value for key, value in assessment.items() if value is not None}
            self._say("assessment", {SESSION_ASSESSMENT: to_whole_json(known)})

    def complete(
        self,
        outcome: str | None = None,
        *,
        failure_reason: str | None = None,
        gate_failed: str | None = None,
        phase: str | None = None,
    ) -> None:
        """Say that it is over, for good, and how it ended, in any word: `success`, `failed_training_gate`.

        Its phase is `idle` from then on, unless another is named.
        """
        self._say(
            "completed",
            {
                SESSION_OUTCOME: outcome,
                SESSION_FAILURE_REASON: failure_reason,
                SESSION_GATE_FAILED: gate_failed,
                SESSION_PHASE: phase,
            },
        )

    def _say(self, event: str, said: Mapping[str, AnyValue]) -> None:
        with recording("statement of a session"):
            _events.emit(f"spanhouse.session.{event}", {**self._carried, **said})

    def __enter__(self) -> Session:
        block = _Block(self, get_value(_KEY))
        attribution = _attribution.of().with_(self._carried)
        block.attached = Attached(set_value(_KEY, block, _attribution.entering(attribution)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        block = get_value(_KEY)
        while isinstance(block, _Block):
            if block.session is self and block.attached:
                block.attached.leave()
                block.attached = None
                return
            block = block.around


@dataclass(slots=True, eq=False)
class _Block:
    """A `with` block of a session, which a context is in: a session may be in several, each of them in its own."""

    session: Session
    around: object
    attached: Attached | None = None


def _number(name: str, value: float | bool) -> float | bool:
    if isinstance(value, bool):
        return value
    if not isfinite(number := float(value)):
        raise ValueError(f"{name} is {value!r}, which is no number")
    return number
