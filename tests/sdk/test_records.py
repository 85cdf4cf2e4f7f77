"""Triggers, patterns and judgements of patterns: what is decided, and which events say so."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import spanhouse
from spanhouse import _best_effort, budget
from tests.sdk.budget_api import SPENT, BudgetApi
from tests.sdk.conftest import Telemetry


def _said(telemetry: Telemetry, event: str) -> dict[str, object]:
    attributes = telemetry.event(event).attributes
    return {key: value for key, value in attributes.items() if key != "spanhouse.event.id"}


def test_a_trigger_goes_on_while_there_is_budget(telemetry: Telemetry, api: BudgetApi) -> None:
    budget.refresh("researcher", "ada", "cycle-1")
    cycle = spanhouse.session("cycle-1")
    decision = spanhouse.trigger(
        "training_completed", context={"loss": 0.3}, session=cycle, agent="researcher", user="ada"
    )
    assert decision
    assert (decision.invoked, decision.skip_reason, decision.verdict.verdict) == (True, None, "allow")
    assert _said(telemetry, "trigger") == {
        "gen_ai.agent.name": "researcher",
        "session.id": "cycle-1",
        "gen_ai.conversation.id": "cycle-1",
        "user.id": "ada",
        "spanhouse.trigger.reason": "training_completed",
        "spanhouse.trigger.context": '{"loss": 0.3}',
        "spanhouse.trigger.invoked": True,
        "spanhouse.trigger.budget_used_usd": 1.25,
        "spanhouse.trigger.budget_remaining_usd": 3.75,
    }


def test_a_trigger_stops_where_the_budget_is_spent_and_names_the_one_that_is(
    telemetry: Telemetry, api: BudgetApi
) -> None:
    api.body = SPENT
    budget.refresh()
    decision = spanhouse.trigger("start_new_cycle")
    assert not decision
    assert decision.skip_reason == "budget_exceeded"
    assert _said(telemetry, "trigger") == {
        "spanhouse.trigger.reason": "start_new_cycle",
        "spanhouse.trigger.invoked": False,
        "spanhouse.trigger.skip_reason": "budget_exceeded",
        "spanhouse.trigger.budget_used_usd": 2.53,
        "spanhouse.trigger.budget_remaining_usd": 0.0,
    }


def test_a_trigger_may_be_skipped_for_a_reason_of_ones_own(telemetry: Telemetry, api: BudgetApi) -> None:
    api.body = SPENT
    budget.refresh()
    assert not spanhouse.trigger("gate_check", skip="operation_still_running")
    assert _said(telemetry, "trigger")["spanhouse.trigger.skip_reason"] == "operation_still_running"


@pytest.mark.parametrize(("policy", "skip_reason"), [("open", None), ("closed", "budget_unknown")])
def test_a_trigger_that_knows_no_budget_does_as_the_policy_says_and_states_no_amounts(
    telemetry: Telemetry, api: BudgetApi, policy: budget.Policy, skip_reason: str | None
) -> None:
    api.goes_on.clear()
    budget.configure(api.url, policy=policy)
    assert spanhouse.trigger("start_new_cycle").skip_reason == skip_reason
    assert not [key for key in _said(telemetry, "trigger") if "usd" in key]


def test_a_trigger_is_of_the_session_and_user_that_the_caller_is_in_and_of_the_agent_that_it_names(
    telemetry: Telemetry, api: BudgetApi
) -> None:
    with spanhouse.session("cycle-1", user="ada"), spanhouse.agent("scheduler", id="s-1", version="2"):
        spanhouse.trigger("start_new_cycle")
        spanhouse.trigger("start_new_cycle", agent="researcher")
    own, others = (each.attributes for each in telemetry.events if each.name == "spanhouse.trigger")
    assert (own["session.id"], own["user.id"]) == (others["session.id"], others["user.id"]) == ("cycle-1", "ada")
    assert (own["gen_ai.agent.name"], own["gen_ai.agent.id"]) == ("scheduler", "s-1")
    assert others["gen_ai.agent.name"] == "researcher"
    assert not {"gen_ai.agent.id", "gen_ai.agent.version"} & others.keys()


def test_a_pattern_is_observed_used_and_judged(telemetry: Telemetry) -> None:
    with spanhouse.task("survey", id="task-1"):
        pattern = spanhouse.pattern(
            "p-1",
            type="dependency",
            name="cycles",
            description="two servers wait for each other",
            confidence=0.75,
            evidence=["a text", {"server": 7}, 3],
            insight_type="risk",
            execution_context={"wave": 2},
            discovered_by="surveyor",
        )
    pattern.referenced()
    pattern.feedback(0.5, "half true")
    spanhouse.pattern("p-2", evidence="one text", confidence=1)
    assert _said(telemetry, "pattern.referenced") == {"spanhouse.pattern.id": "p-1"}
    assert _said(telemetry, "feedback") == {
        "spanhouse.feedback.pattern_id": "p-1",
        "spanhouse.feedback.score": 0.5,
        "spanhouse.feedback.comment": "half true",
    }
    first, second = (
        {key.removeprefix("spanhouse."): value for key, value in each.attributes.items() if key != "spanhouse.event.id"}
        for each in telemetry.events
        if each.name == "spanhouse.pattern"
    )
    assert first == {
        "gen_ai.agent.name": "surveyor",
        "task.id": "task-1",
        "pattern.id": "p-1",
        "pattern.type": "dependency",
        "pattern.name": "cycles",
        "pattern.description": "two servers wait for each other",
        "pattern.confidence": 0.75,
        "pattern.evidence": ("a text", '{"server": 7}', "3"),
        "pattern.insight_type": "risk",
        "pattern.execution_context": '{"wave": 2}',
    }
    assert second == {"pattern.id": "p-2", "pattern.evidence": ("one text",), "pattern.confidence": 1.0}


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan"), "high", None])
def test_a_score_that_is_none_costs_its_record_and_a_line_in_the_log(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture, score: Any
) -> None:
    caplog.set_level(logging.WARNING, "spanhouse")
    _best_effort.refused.clear()
    for _ in range(3):
        spanhouse.feedback("p-1", score)
    spanhouse.feedback("p-1", 1)
    assert _said(telemetry, "feedback")["spanhouse.feedback.score"] == 1.0
    assert _best_effort.refused["judgement of a pattern"] == 3
    assert len(caplog.messages) == 1


class _Broken:
    """A value that cannot be looked at."""

    def __iter__(self) -> Iterator[object]:
        raise RuntimeError("broken")

    def __repr__(self) -> str:
        raise RuntimeError("broken")


def test_a_value_that_cannot_be_read_never_reaches_the_agent(telemetry: Telemetry, api: BudgetApi) -> None:
    broken: Any = _Broken()
    spanhouse.pattern("p-1", evidence=broken)
    assert spanhouse.trigger("start_new_cycle", context=broken)
    assert spanhouse.trigger(broken)
