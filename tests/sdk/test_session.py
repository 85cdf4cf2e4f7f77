"""A session: whose runs are its, wherever they run, and what can be said of it."""

import asyncio
import gc
import json
import logging
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import spanhouse
from spanhouse import _best_effort
from tests.sdk.conftest import Telemetry


def _session_of(telemetry: Telemetry, agent: str) -> object:
    return telemetry.said(f"invoke_agent {agent}").get("session.id")


def test_what_runs_in_a_session_carries_its_ids_and_what_runs_after_it_does_not(telemetry: Telemetry) -> None:
    cycle = spanhouse.session("cycle", user="u", client_account="c", engagement="e", case="k", flow="f")
    with cycle, spanhouse.agent("inside"), spanhouse.tool("look"):
        pass
    with spanhouse.agent("after"):
        pass
    ids = {
        "session.id": "cycle",
        "gen_ai.conversation.id": "cycle",
        "user.id": "u",
        "spanhouse.client_account.id": "c",
        "spanhouse.engagement.id": "e",
        "spanhouse.case.id": "k",
        "spanhouse.flow.id": "f",
    }
    assert ids.items() <= telemetry.said("invoke_agent inside").items()
    assert ids.items() <= telemetry.said("execute_tool look").items()
    assert not ids.keys() & telemetry.said("invoke_agent after").keys()


def test_without_an_id_each_is_a_session_of_its_own() -> None:
    assert spanhouse.session().id != spanhouse.session().id


def test_a_session_within_a_session_keeps_what_it_does_not_name(telemetry: Telemetry) -> None:
    with spanhouse.session("outer", user="u"), spanhouse.session("inner"), spanhouse.agent("a"):
        pass
    said = telemetry.said("invoke_agent a")
    assert (said["session.id"], said["user.id"]) == ("inner", "u")


def test_one_session_is_entered_again_inside_itself_and_later(telemetry: Telemetry) -> None:
    cycle = spanhouse.session("cycle")
    with cycle:
        with cycle, spanhouse.agent("first"):
            pass
        with spanhouse.agent("second"):
            pass
    with cycle, spanhouse.agent("third"):
        pass
    with spanhouse.agent("fourth"):
        pass
    assert [_session_of(telemetry, agent) for agent in ("first", "second", "third", "fourth")] == [
        "cycle",
        "cycle",
        "cycle",
        None,
    ]


def test_tasks_and_threads_share_a_session_and_keep_their_own_apart(telemetry: Telemetry) -> None:
    shared = spanhouse.session("shared")

    async def work(number: int) -> None:
        async with shared if number % 2 else spanhouse.session(f"own-{number}"):
            await asyncio.sleep(0.001 * (number % 3))
            with spanhouse.agent(f"agent-{number}"):
                await asyncio.sleep(0.001)

    async def all_of_them(numbers: range) -> None:
        await asyncio.gather(*(work(number) for number in numbers))

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(asyncio.run, all_of_them(range(k, k + 10))) for k in (0, 10)]:
            done.result()
    for number in range(20):
        assert _session_of(telemetry, f"agent-{number}") == ("shared" if number % 2 else f"own-{number}")


def _stopping_half_way(session: spanhouse.Session) -> Iterator[None]:
    with session:
        yield


@pytest.mark.parametrize("closed_inside", [True, False])
def test_a_generator_that_is_abandoned_in_its_session_leaves_nothing_behind(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture, closed_inside: bool
) -> None:
    with spanhouse.session("around"):
        generator = _stopping_half_way(spanhouse.session("abandoned"))
        next(generator)
        if closed_inside:
            with spanhouse.session("another"):
                del generator
                gc.collect()
                with spanhouse.agent("then"):
                    pass
            assert _session_of(telemetry, "then") == "another"
        else:
            del generator
            gc.collect()
        with spanhouse.agent("later"):
            pass
    with spanhouse.agent("after"):
        pass
    assert _session_of(telemetry, "later") == "around"
    assert _session_of(telemetry, "after") is None
    assert not caplog.records


def test_a_session_that_ends_in_another_task_leaves_that_task_alone(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    cycle = spanhouse.session("cycle")

    async def end() -> None:
        with spanhouse.session("mine"):
            cycle.__exit__(None, None, None)
            with spanhouse.agent("a"):
                pass

    async def begin_here_and_end_there() -> None:
        cycle.__enter__()
        await asyncio.create_task(end())

    asyncio.run(begin_here_and_end_there())
    assert _session_of(telemetry, "a") == "mine"
    assert not caplog.records


def test_a_session_can_be_handed_to_another_process(telemetry: Telemetry) -> None:
    with spanhouse.session("cycle", user="u") as cycle:
        there = pickle.loads(pickle.dumps(cycle))
    there.phase("training")
    said = telemetry.event("session.phase").attributes
    assert (said["session.id"], said["user.id"]) == ("cycle", "u")


def test_each_statement_is_an_event_of_the_session(telemetry: Telemetry) -> None:
    cycle = spanhouse.session("cycle", user="u")
    cycle.phase("designing")
    cycle.strategy("momentum", config={"window": 20}, file="momentum.yaml")
    cycle.operation("op-1")
    cycle.training_results({"loss": 0.3})
    cycle.results("paper_trading", "a text")
    cycle.metrics({"trades": 12}, early_stopped=True)
    cycle.metric("sharpe", 1.4)
    cycle.assess(True, "it holds", {"sharpe": 1.4})
    cycle.complete("failed_gate", failure_reason="too few", gate_failed="backtest", phase="resting")
    ours = ("spanhouse.event.id", "session.id", "gen_ai.conversation.id", "user.id")
    said = [
        (
            event.name.removeprefix("spanhouse.session."),
            {
                key.removeprefix("spanhouse.session."): value
                for key, value in event.attributes.items()
                if key not in ours
            },
        )
        for event in telemetry.events
    ]
    assert said == [
        ("phase", {"phase": "designing"}),
        (
            "strategy",
            {"strategy_name": "momentum", "strategy_config": '{"window": 20}', "strategy_file": "momentum.yaml"},
        ),
        ("operation", {"operation_id": "op-1"}),
        ("results", {"training_results": '{"loss": 0.3}'}),
        ("results", {"paper_trading_results": "a text"}),
        ("metrics", {"metric.trades": 12.0, "metric.early_stopped": True}),
        ("metrics", {"metric.sharpe": 1.4}),
        ("assessment", {"assessment": '{"passed": true, "explanation": "it holds", "metrics": {"sharpe": 1.4}}'}),
        (
            "completed",
            {"outcome": "failed_gate", "failure_reason": "too few", "gate_failed": "backtest", "phase": "resting"},
        ),
    ]
    for event in telemetry.events:
        assert (event.attributes["session.id"], event.attributes["user.id"]) == ("cycle", "u")


def test_results_are_recorded_whole(telemetry: Telemetry) -> None:
    results = {"losses": [0.125] * 100_000}
    spanhouse.session("cycle").training_results(results)
    said = telemetry.event("session.results").attributes["spanhouse.session.training_results"]
    assert json.loads(str(said)) == results


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "many", None, 10**400])
def test_a_metric_that_is_no_number_costs_only_itself(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture, value: float
) -> None:
    caplog.set_level(logging.WARNING, "spanhouse")
    _best_effort.refused.clear()
    cycle = spanhouse.session("cycle")
    cycle.metrics({"loss": value, "epochs": 3})
    cycle.metric("loss", value)
    said = telemetry.event("session.metrics").attributes
    assert {key for key in said if "metric" in key} == {"spanhouse.session.metric.epochs"}
    assert _best_effort.refused["metric"] == 2
    assert len(caplog.records) == 1
