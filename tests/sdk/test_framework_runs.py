"""What spans of other instrumentations become: a span that begins as an agent's is a run, live and attributed."""

import asyncio
import gc
import signal
from weakref import ref

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode, Tracer, format_span_id, get_tracer, set_span_in_context

import spanhouse
from spanhouse import _attribution, _context
from tests.sdk.conftest import Telemetry

INVOKE = {"gen_ai.operation.name": "invoke_agent"}


def tracer(scope: str = "some.framework") -> Tracer:
    """Some other library's tracer."""
    return get_tracer(scope)


def id_of(span: trace.Span) -> str:
    """The id of an execution that is this span."""
    return format_span_id(span.get_span_context().span_id)


@pytest.mark.parametrize(
    ("name", "attributes", "agent"),
    [
        ("invoke_agent planner", INVOKE, "planner"),
        ("run", {**INVOKE, "gen_ai.agent.name": "planner"}, "planner"),
        ("invoke_workflow trip", {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "trip"}, "trip"),
        ("planner.run", {"openinference.span.kind": "AGENT"}, "planner"),
        ("x", {"traceloop.span.kind": "workflow", "traceloop.entity.name": "trip"}, "trip"),
        ("agent run", {"agent_name": "planner", "model_name": "gpt-5"}, "planner"),
        ("agent_run [planner]", {}, "planner"),
    ],
)
def test_a_span_that_begins_as_a_run_is_said_to_be_running(
    telemetry: Telemetry, name: str, attributes: dict[str, str], agent: str
) -> None:
    span = tracer().start_span(name, attributes=attributes)
    event = telemetry.event("execution.running")
    assert event.span_id == span.get_span_context().span_id
    assert event.attributes["spanhouse.execution.id"] == id_of(span)
    assert event.attributes["gen_ai.agent.name"] == agent
    span.end()
    assert telemetry.said(name)["spanhouse.execution.id"] == id_of(span)


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        ("some.framework", {"gen_ai.operation.name": "chat"}),
        ("some.framework", {"openinference.span.kind": "CHAIN"}),
        ("some.framework", {}),
        ("openlit.instrumentation.langgraph", INVOKE),
    ],
)
def test_other_spans_are_no_runs(telemetry: Telemetry, scope: str, attributes: dict[str, str]) -> None:
    tracer(scope).start_span("x", attributes=attributes).end()
    assert telemetry.events == []


def test_the_outermost_span_of_langchain_is_a_run_although_it_says_so_only_at_its_end(telemetry: Telemetry) -> None:
    langchain = tracer("openinference.instrumentation.langchain")
    with langchain.start_as_current_span("planner"), langchain.start_as_current_span("model"):
        pass
    assert telemetry.event("execution.running").attributes["gen_ai.agent.name"] == "planner"


def test_whatever_is_below_a_run_is_its_work(telemetry: Telemetry) -> None:
    run = tracer().start_span("invoke_agent planner", attributes=INVOKE)
    # As callbacks do it, which make nothing current.
    step = tracer().start_span("step", set_span_in_context(run))
    tracer("client").start_span("chat", set_span_in_context(step)).end()
    assert telemetry.said("chat")["spanhouse.execution.id"] == id_of(run)
    assert telemetry.said("chat")["spanhouse.execution.agent_name"] == "planner"


def test_code_inside_a_run_of_a_framework_is_in_that_run(telemetry: Telemetry) -> None:
    with tracer().start_as_current_span("invoke_agent planner", attributes=INVOKE) as run:
        spanhouse.execution.current().progress(0.5)
        with spanhouse.tool("search"):
            pass
        with spanhouse.agent("helper"):
            pass
    assert telemetry.event("execution.progress").attributes["spanhouse.execution.id"] == id_of(run)
    assert telemetry.said("execute_tool search")["spanhouse.execution.id"] == id_of(run)
    assert telemetry.said("invoke_agent helper")["spanhouse.execution.parent_id"] == id_of(run)
    assert not spanhouse.execution.current()


def test_a_run_of_a_framework_inside_another_has_it_as_its_parent(telemetry: Telemetry) -> None:
    with spanhouse.agent("planner") as outer:
        with tracer().start_as_current_span("invoke_agent helper", attributes=INVOKE) as inner:
            tracer().start_span("chat").end()
        tracer().start_span("tool").end()
    said = [event.attributes for event in telemetry.events if event.name == "spanhouse.execution.running"]
    assert [each.get("spanhouse.execution.parent_id") for each in said] == [None, outer.id]
    assert telemetry.said("chat")["spanhouse.execution.id"] == id_of(inner)
    assert telemetry.said("tool")["spanhouse.execution.id"] == outer.id


def test_an_agent_that_two_instrumentations_see_is_one_run(telemetry: Telemetry) -> None:
    with spanhouse.agent("planner") as run, tracer().start_as_current_span("invoke_agent planner", attributes=INVOKE):
        pass
    assert telemetry.event("execution.running").attributes["spanhouse.execution.id"] == run.id


def test_session_and_user_around_a_run_are_said_of_it_and_of_its_work(telemetry: Telemetry) -> None:
    outer = _attribution.of().with_({"session.id": "s1", "user.id": "u7"})
    with _context.attached(_attribution.entering(outer)):
        run = tracer().start_span("invoke_agent planner", attributes=INVOKE)
    tracer().start_span("chat", set_span_in_context(run, _context.carrying(outer))).end()
    assert telemetry.event("execution.running").attributes["session.id"] == "s1"
    assert telemetry.said("chat")["user.id"] == "u7"
    assert telemetry.said("chat")["spanhouse.execution.id"] == id_of(run)


def test_a_session_inside_a_run_leaves_it_that_run(telemetry: Telemetry) -> None:
    with tracer().start_as_current_span("invoke_agent planner", attributes=INVOKE) as run:
        inner = _attribution.of().with_({"session.id": "s1"})
        with _context.attached(_attribution.entering(inner)):
            tracer().start_span("chat").end()
    assert telemetry.said("chat")["session.id"] == "s1"
    assert telemetry.said("chat")["spanhouse.execution.id"] == id_of(run)


def test_runs_at_once_do_not_mix(telemetry: Telemetry) -> None:
    async def run(name: str) -> None:
        with tracer().start_as_current_span(f"invoke_agent {name}", attributes=INVOKE):
            await asyncio.sleep(0)
            tracer().start_span(f"chat of {name}").end()

    async def both() -> None:
        await asyncio.gather(run("a"), run("b"))

    asyncio.run(both())
    for name in ("a", "b"):
        assert telemetry.said(f"chat of {name}")["spanhouse.execution.agent_name"] == name


def test_how_it_ended_its_span_says(telemetry: Telemetry) -> None:
    tracer().start_span("invoke_agent planner", attributes=INVOKE).end()
    with pytest.raises(ValueError, match="no"), tracer().start_as_current_span("invoke_agent other", attributes=INVOKE):
        raise ValueError("no")
    assert {event.name for event in telemetry.events} == {"spanhouse.execution.running"}


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_a_run_that_an_instrumentation_reports_as_an_error_was_cancelled(
    telemetry: Telemetry, error: type[BaseException]
) -> None:
    with pytest.raises(error), tracer().start_as_current_span("invoke_agent planner", attributes=INVOKE):
        raise error
    assert error.__name__ in str(
        telemetry.event("execution.cancelled").attributes["spanhouse.execution.status_message"]
    )


def test_a_run_that_says_it_was_cancelled_after_the_fact_was(telemetry: Telemetry) -> None:
    span = tracer().start_span("invoke_agent planner", attributes=INVOKE)
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", "asyncio.exceptions.CancelledError")
    span.end()
    assert telemetry.event("execution.cancelled").span_id == span.get_span_context().span_id


def test_a_run_that_is_cancelled_and_ends_as_if_nothing_were_was_cancelled(telemetry: Telemetry) -> None:
    def work() -> None:
        span = tracer().start_span("invoke_agent planner", attributes=INVOKE)
        try:
            raise KeyboardInterrupt
        finally:
            span.end()

    with pytest.raises(KeyboardInterrupt):
        work()
    telemetry.event("execution.cancelled")


def test_a_run_that_cleans_up_after_a_cancellation_was_not_cancelled_itself(telemetry: Telemetry) -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        tracer().start_span("invoke_agent cleaner", attributes=INVOKE).end()
    assert [event.name for event in telemetry.events] == ["spanhouse.execution.running"]


def test_a_span_that_is_dropped_without_its_end_keeps_no_run_alive(telemetry: Telemetry) -> None:
    with trace.use_span(tracer().start_span("invoke_agent planner", attributes=INVOKE), end_on_exit=False):
        run = ref(spanhouse.execution.current())
    telemetry.forget()
    gc.collect()
    assert run() is None
