"""What a run says of itself while it runs, as events."""

import gc
import os
from typing import Any

import pytest

import spanhouse
from spanhouse import SpanhouseError, execution
from spanhouse._heartbeat import Heartbeat
from spanhouse.execution import Reservation
from tests.sdk.conftest import Telemetry
from tests.support.waiting import until


def _story(telemetry: Telemetry) -> list[str]:
    return [event.name.removeprefix("spanhouse.execution.") for event in telemetry.events]


def test_a_run_is_seen_from_its_start_and_each_event_says_whose_it_is(telemetry: Telemetry) -> None:
    with spanhouse.agent("planner", id="p-1", version="3") as run, spanhouse.tool("look"):
        execution.current().progress(0.5, tasks_completed=1, tasks_total=2, message="half")
    assert _story(telemetry) == ["running", "progress", "completed"]
    for event in telemetry.events:
        assert event.attributes["spanhouse.execution.id"] == run.id
        assert (f"{event.trace_id:032x}", f"{event.span_id:016x}") == (run.trace_id, run.id)
        assert event.attributes["gen_ai.agent.name"] == "planner"
        assert (event.attributes["gen_ai.agent.id"], event.attributes["gen_ai.agent.version"]) == ("p-1", "3")
    assert len({event.attributes["spanhouse.event.id"] for event in telemetry.events}) == 3
    progress = telemetry.event("execution.progress").attributes
    assert progress["spanhouse.execution.progress"] == 0.5
    assert progress["spanhouse.execution.tasks_completed"] == 1
    assert progress["spanhouse.execution.tasks_total"] == 2
    assert progress["spanhouse.execution.status_message"] == "half"


def test_a_run_waits_and_goes_on(telemetry: Telemetry) -> None:
    with spanhouse.agent("clerk") as run:
        with run.blocked("human", "may I book it?"):
            pass
        with pytest.raises(TimeoutError), run.paused():
            raise TimeoutError
        run.status("queued")
    assert _story(telemetry) == ["running", "blocked", "running", "paused", "running", "queued", "completed"]
    blocked = telemetry.event("execution.blocked").attributes
    assert blocked["spanhouse.execution.waiting_for"] == "human"
    assert blocked["spanhouse.execution.status_message"] == "may I book it?"


def test_what_came_of_a_run_stands_on_its_span(telemetry: Telemetry) -> None:
    with spanhouse.agent("judge") as run:
        run.thinking({"step": 1})
        run.outcome("granted")
        run.confidence(0.9)
    said = telemetry.said("invoke_agent judge")
    assert (said["spanhouse.execution.outcome"], said["spanhouse.execution.confidence"]) == ("granted", 0.9)
    assert telemetry.event("execution.thinking").body == '{"step": 1}'


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_run_that_says_how_it_ended_has_ended_so(telemetry: Telemetry, status: Any) -> None:
    with spanhouse.agent("quitter") as run:
        if status == "failed":
            run.fail("no such account", "not_found")
        else:
            run.status("cancelled", "by Ann")
    assert _story(telemetry) == ["running", status]
    assert telemetry.said("invoke_agent quitter")["spanhouse.execution.status"] == status


def test_a_nested_run_names_the_run_above_it(telemetry: Telemetry) -> None:
    with spanhouse.agent("boss") as boss, spanhouse.agent("worker") as worker:
        assert execution.current() is worker
    first = next(event for event in telemetry.events if event.attributes["spanhouse.execution.id"] == worker.id)
    assert first.attributes["spanhouse.execution.parent_id"] == boss.id
    assert telemetry.said("invoke_agent worker")["spanhouse.execution.id"] == worker.id


def test_outside_of_a_run_there_is_nothing_to_say_and_nobody_to_say_it_of(telemetry: Telemetry) -> None:
    run = execution.current()
    assert not run
    run.progress(1)
    with run.blocked("tool"):
        pass
    assert telemetry.events == []


def test_a_run_that_was_announced_is_the_one_that_begins(telemetry: Telemetry) -> None:
    with spanhouse.agent("boss") as boss:
        reserved = execution.create("worker")
        reserved.status("queued")
    with spanhouse.agent("worker", execution=reserved.reference) as worker:
        assert (worker.id, worker.trace_id) == (reserved.id, boss.trace_id)
    story = [event.name for event in telemetry.events if event.attributes["spanhouse.execution.id"] == worker.id]
    assert [name.rpartition(".")[2] for name in story] == ["created", "queued", "running", "completed"]
    span = telemetry.span("invoke_agent worker")
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == boss.id
    for event in telemetry.events:
        if event.attributes["spanhouse.execution.id"] == worker.id:
            assert event.attributes["spanhouse.execution.parent_id"] == boss.id
            assert event.attributes["gen_ai.agent.name"] == "worker"


def test_a_run_announced_outside_of_any_other_begins_a_trace(telemetry: Telemetry) -> None:
    reserved = execution.create("lonely")
    with spanhouse.tool("something else"), spanhouse.agent("lonely", execution=reserved) as lonely:
        assert lonely.id == reserved.id
    assert telemetry.span("invoke_agent lonely").parent is None
    assert telemetry.event("execution.created").trace_id == int(lonely.trace_id, 16)


def test_what_is_no_reference_is_refused() -> None:
    with pytest.raises(SpanhouseError, match="names no run"):
        spanhouse.agent("x", execution="rubbish")
    reservation = Reservation("a", 1, 2, 0, {"session.id": "s"})
    assert Reservation.of(reservation.reference) == reservation


def test_one_timer_tells_of_all_runs_until_they_end_or_are_dropped(telemetry: Telemetry) -> None:
    heartbeat = Heartbeat(every_s=0.02)
    with spanhouse.agent("long") as run:
        heartbeat.add(run)
        until(lambda: _story(telemetry).count("heartbeat") >= 2)
        beat = next(event for event in telemetry.events if event.name.endswith("heartbeat"))
        assert beat.attributes["spanhouse.execution.expires_in"] == 60
        heartbeat.remove(run)
    dropped = spanhouse.agent("dropped").begin("dropped")
    heartbeat.add(dropped)
    until(lambda: "heartbeat" in _story(telemetry))
    timer = heartbeat._thread
    assert timer is not None
    del dropped

    def has_ended() -> bool:
        telemetry.forget()
        gc.collect()
        return not timer.is_alive()

    # It ends when there is no run to tell of.
    until(has_ended)


def test_the_child_of_a_fork_does_not_end_its_parents_run(telemetry: Telemetry) -> None:
    with spanhouse.agent("parent") as run:
        child = os.fork()
        if child == 0:
            run.end()
            os._exit(0 if _story(telemetry) == ["running"] and not telemetry.spans else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _story(telemetry) == ["running", "completed"]
