"""Whose work a span is, across libraries and across processes: what is let out, and what is taken in."""

from collections.abc import Iterator

import pytest
from opentelemetry import propagate, trace
from opentelemetry.context import Context

import spanhouse
from spanhouse import SpanhouseError, _attribution, _context
from tests.sdk.conftest import Telemetry

ALL = frozenset(_attribution.PROPAGATED)


@pytest.fixture
def allowed() -> Iterator[None]:
    """Nothing is allowed any more once the test is over."""
    yield
    _attribution.configure(frozenset())


def _leaving() -> dict[str, str]:
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


def _arriving(carrier: dict[str, str], name: str) -> None:
    """A span that another process begins for a request with these headers: nothing else is known there."""
    trace.get_tracer("a web framework").start_span(name, propagate.extract(carrier, Context())).end()


def test_a_span_of_any_library_carries_whose_it_is(telemetry: Telemetry) -> None:
    session = spanhouse.session("s-1", user="u-1", client_account="acme", engagement="e-1", case="c-1", flow="f-1")
    with session, spanhouse.agent("writer") as run:
        trace.get_tracer("some library").start_span("request").end()
    assert telemetry.said("request") == {
        "spanhouse.execution.id": run.id,
        "spanhouse.execution.agent_name": "writer",
        "session.id": "s-1",
        "gen_ai.conversation.id": "s-1",
        "user.id": "u-1",
        "spanhouse.client_account.id": "acme",
        "spanhouse.engagement.id": "e-1",
        "spanhouse.case.id": "c-1",
        "spanhouse.flow.id": "f-1",
    }


def test_outside_of_everything_a_span_stays_as_it_is(telemetry: Telemetry) -> None:
    trace.get_tracer("some library").start_span("request").end()
    assert telemetry.said("request") == {}


@pytest.mark.usefixtures("allowed")
def test_only_what_is_allowed_leaves_the_process(telemetry: Telemetry) -> None:
    _attribution.configure({"execution", "session"})
    with spanhouse.session("s-1", user="ann@example.com", client_account="acme"), spanhouse.agent("writer") as run:
        baggage = _leaving()["baggage"]
    assert sorted(baggage.split(",")) == [
        "session.id=s-1",
        "spanhouse.execution.agent_name=writer",
        f"spanhouse.execution.id={run.id}",
    ]


@pytest.mark.usefixtures("allowed")
def test_nothing_leaves_where_nothing_is_allowed(telemetry: Telemetry) -> None:
    _attribution.configure(frozenset())
    with spanhouse.session("s-1"), spanhouse.agent("writer"):
        assert "baggage" not in _leaving()


@pytest.mark.usefixtures("allowed")
def test_what_another_process_lets_out_is_carried_on(telemetry: Telemetry) -> None:
    _attribution.configure(ALL)
    with spanhouse.session("s-1", user="u 1, and more", flow="f-1"), spanhouse.agent("caller") as caller:
        carrier = _leaving()
    _arriving(carrier, "served")
    assert telemetry.said("served") == {
        "spanhouse.execution.id": caller.id,
        "spanhouse.execution.agent_name": "caller",
        "session.id": "s-1",
        "gen_ai.conversation.id": "s-1",
        "user.id": "u 1, and more",
        "spanhouse.flow.id": "f-1",
    }


@pytest.mark.usefixtures("allowed")
def test_what_is_not_allowed_is_not_believed_either(telemetry: Telemetry) -> None:
    _attribution.configure({"session"})
    _arriving({"baggage": "user.id=root,session.id=s-1,spanhouse.client_account.id=other,something=else"}, "served")
    assert telemetry.said("served") == {"session.id": "s-1", "gen_ai.conversation.id": "s-1"}


@pytest.mark.usefixtures("allowed")
def test_a_run_that_another_process_called_for_is_below_the_one_there(telemetry: Telemetry) -> None:
    _attribution.configure(ALL)
    with spanhouse.agent("caller") as caller:
        carrier = _leaving()
    with _context.attached(propagate.extract(carrier, Context())), spanhouse.agent("callee"):
        pass
    assert telemetry.said("invoke_agent callee")["spanhouse.execution.parent_id"] == caller.id
    assert telemetry.span("invoke_agent callee").context.trace_id == int(caller.trace_id, 16)


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(SpanhouseError, match="propagate names password; it may name execution, session"):
        _attribution.configure({"session", "password"})
