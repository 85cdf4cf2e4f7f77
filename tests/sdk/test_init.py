"""`spanhouse.init()` sets up OpenTelemetry, or joins it; what a process records arrives, once, also when it ends."""

import json
import os
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.sdk.receiving import PATIENCE_S, Receiver, run, running
from tests.support.process import free_port
from tests.support.waiting import until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_what_a_program_does_arrives_when_it_ends(receiver: Receiver) -> None:
    run("agent_and_tool", receiver.url, env={"OTEL_RESOURCE_ATTRIBUTES": "host.name=here"})
    assert receiver.span_names == ["execute_tool search", "invoke_agent writer"]
    agent, tool = receiver.span("invoke_agent writer"), receiver.span("execute_tool search")
    assert agent.resource["service.name"] == "researcher"
    assert agent.resource["deployment.environment.name"] == "test"
    assert agent.resource["host.name"] == "here"
    assert tool.attributes["spanhouse.execution.id"] == agent.attributes["spanhouse.execution.id"]
    assert {event.trace_id for event in receiver.events} == {agent.trace_id}
    assert "spanhouse.execution.running" in {event.name for event in receiver.events}


def test_it_is_seen_while_the_program_runs(receiver: Receiver) -> None:
    with running("agent_until_input_ends", receiver.url) as program:
        until(lambda: receiver.spans and receiver.events, PATIENCE_S)
        program.communicate(timeout=PATIENCE_S)
    assert receiver.span_names == ["execute_tool first"]
    assert "spanhouse.execution.running" in {event.name for event in receiver.events}


def test_what_leaves_is_redacted_and_no_more_than_is_wanted(receiver: Receiver) -> None:
    run("write_a_letter", receiver.url, "full")
    run("write_a_letter", receiver.url, "off")
    full, off = (span.attributes for span in receiver.spans)
    assert full["gen_ai.tool.call.arguments"] == '{"to": "[redacted: email]"}'
    assert not any("arguments" in name or "result" in name for name in off)


def test_metrics_of_instrumentors_are_sent_too(receiver: Receiver) -> None:
    run("counter", receiver.url)
    assert [metric.name for metric in receiver.metrics] == ["gen_ai.client.calls"]


def test_an_argument_goes_before_its_variable(receiver: Receiver) -> None:
    run(
        "tool",
        json.dumps({"service": "argued", "endpoint": receiver.url, "api_key": "secret"}),
        env={
            "OTEL_SERVICE_NAME": "said",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{free_port()}/elsewhere",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-team=otters",
        },
    )
    assert receiver.span("execute_tool any").resource["service.name"] == "argued"
    assert receiver.headers[0]["x-api-key"] == "secret"
    assert receiver.headers[0]["x-team"] == "otters"


def test_what_no_argument_says_the_variables_of_opentelemetry_say(receiver: Receiver) -> None:
    ended = run(
        "nine_attributes",
        env={
            "OTEL_SERVICE_NAME": "said",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/v1/traces",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-team=otters",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_LOGS_EXPORTER": "console",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "5",
        },
    )
    span = receiver.span("execute_tool any")
    assert span.resource["service.name"] == "said"
    assert span.attributes == {f"a{n}": "long" for n in range(4, 9)}
    assert (receiver.headers[0]["x-team"], receiver.headers[0]["content-encoding"]) == ("otters", "gzip")
    assert receiver.requests == 1
    assert "Spanhouse" not in ended.stderr


@pytest.mark.parametrize(
    "variable",
    [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_SAMPLER": "always_off"}, {"OTEL_TRACES_EXPORTER": "none"}],
)
def test_what_is_switched_off_by_variable_stays_off(variable: dict[str, str], receiver: Receiver) -> None:
    ended = run("tool", json.dumps({"endpoint": receiver.url}), env=variable)
    assert ended.stdout == "True 0\n"
    assert receiver.spans == []


def test_a_span_keeps_whose_it_is_however_many_attributes_come_after(receiver: Receiver) -> None:
    run("many_attributes", receiver.url)
    assert "spanhouse.execution.id" in receiver.span("chat").attributes
    assert len(receiver.span("chat").attributes) > 400


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"endpoint": "localhost:4318"}, "endpoint is 'localhost:4318'; give a URL such as 'http://127.0.0.1:4318'"),
        ({"protocol": "http/json"}, "protocol is 'http/json'; it may be http/protobuf or grpc"),
        ({"capture": "some"}, "capture"),
        ({"propagate": ["everything"]}, "propagate names everything; it may name execution, session"),
        ({"instrument": ["nothing"]}, "instrument names nothing, for which no instrumentor is installed"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_may_be_said(argument: dict[str, object], message: str) -> None:
    assert message in run("tool", json.dumps(argument)).stdout


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "is 'http/json'; it may be http/protobuf or grpc"),
        ("OTEL_TRACES_EXPORTER", "pigeon", "OTEL_TRACES_EXPORTER names 'pigeon', which no package brings"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "OTEL_BSP_MAX_QUEUE_SIZE is 'many'; it is to be a whole number above 0"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(variable: str, value: str, message: str) -> None:
    assert message in run("tool", "{}", env={variable: value}).stdout


def test_without_its_exporter_grpc_is_refused_with_the_line_that_installs_it() -> None:
    ended = run("without_grpc")
    assert "pip install 'spanhouse[grpc]'" in ended.stdout


def test_a_second_call_changes_nothing_and_says_so_only_if_it_wanted_something_else(receiver: Receiver) -> None:
    ended = run("init_again", receiver.url)
    assert receiver.span("execute_tool any").resource["service.name"] == "one"
    before, _, after = ended.stderr.partition("said nothing")
    assert (before, after.count("init() was called before with other arguments")) == ("", 1)


def test_after_a_shutdown_it_may_be_called_again_for_somewhere_else(receiver: Receiver) -> None:
    with Receiver() as another:
        run("elsewhere_after_shutdown", receiver.url, another.url)
        assert (receiver.span_names, another.span_names) == (["of the first"], ["of the second"])
        assert receiver.spans[0].resource["service.name"] == "first"
        assert another.spans[0].resource["service.name"] == "second"
        assert [len(receiver.metrics), len(another.metrics)] == [1, 1]


def test_an_opentelemetry_that_is_set_up_is_joined_and_keeps_what_it_has(receiver: Receiver) -> None:
    with Receiver() as ours:
        ended = run("join", receiver.url, ours.url)
        assert receiver.span_names == ours.span_names == ["invoke_agent writer", "theirs"]
        assert "spanhouse.execution.id" in receiver.span("theirs").attributes
        assert ended.stderr.count("service and resource are not used") == 1


def test_what_already_goes_to_an_endpoint_is_not_sent_there_twice(receiver: Receiver) -> None:
    run("join_the_same_endpoint", receiver.url)
    assert receiver.span_names == ["invoke_agent writer"]
    assert "spanhouse.execution.id" in receiver.spans[0].attributes
    assert receiver.events != []


@pytest.mark.parametrize("variable", [{}, {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}])
def test_a_round_of_init_and_shutdown_leaves_no_more_than_the_first(
    variable: dict[str, str], receiver: Receiver
) -> None:
    first, *others = run("rounds", receiver.url, env=variable).stdout.splitlines()
    assert set(others) == {first}
    assert first.endswith(" exporters 0")


def test_a_program_ends_though_nobody_listens() -> None:
    ended = run("agent", f"http://127.0.0.1:{free_port()}")
    assert "cannot be sent to http://127.0.0.1:" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_program_ends_while_the_receiver_hangs(receiver: Receiver) -> None:
    receiver.hangs.set()
    run("agent", receiver.url)
    assert receiver.hangs.is_set()
    assert receiver.spans == []


def test_flush_and_shutdown_return_while_the_receiver_hangs_and_say_that_nothing_arrived(receiver: Receiver) -> None:
    receiver.hangs.set()
    assert run("flush_and_shut_down", receiver.url).stdout.split() == ["False", "False", "1"]


def test_a_receiver_that_was_away_gets_what_was_done_meanwhile(receiver: Receiver) -> None:
    receiver.status = 503

    def recover() -> None:
        until(lambda: receiver.requests >= 2, 60)
        receiver.status = 200

    recovery = threading.Thread(target=recover)
    recovery.start()
    ended = run("tool", json.dumps({"endpoint": receiver.url}))
    recovery.join()
    assert ended.stdout.split() == ["True", "0"]
    assert receiver.span_names == ["execute_tool any"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_sends_what_it_does_itself_and_its_parent_the_rest(receiver: Receiver) -> None:
    run("fork", receiver.url)
    assert receiver.span_names == ["execute_tool before", "execute_tool in the child", "invoke_agent parent"]
    child, parent = receiver.span("execute_tool in the child"), receiver.span("invoke_agent parent")
    assert child.attributes["spanhouse.execution.id"] == parent.attributes["spanhouse.execution.id"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forks_under_load_lose_and_double_nothing(receiver: Receiver) -> None:
    run("forks_under_load", receiver.url)
    ids = [span.span_id for span in receiver.spans]
    assert len(ids) == len(set(ids))
    assert sum(span.name.startswith("execute_tool child") for span in receiver.spans) == 8 * 50


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere multiprocessing does not fork")
def test_a_worker_is_no_part_of_the_run_that_started_its_pool_unless_it_is_told(receiver: Receiver) -> None:
    run("pool_of_processes", receiver.url)
    asker, told = receiver.span("invoke_agent asker"), receiver.span("execute_tool told")
    assert "spanhouse.execution.id" not in receiver.span("execute_tool alone").attributes
    assert receiver.span("execute_tool alone").trace_id != receiver.span("invoke_agent starter").trace_id
    assert (told.trace_id, told.attributes["spanhouse.execution.id"]) == (
        asker.trace_id,
        asker.attributes["spanhouse.execution.id"],
    )


def test_the_context_follows_into_threads_and_executors(receiver: Receiver) -> None:
    run("threads_and_executors", receiver.url)
    agent_of = {
        span.name.removeprefix("execute_tool "): span.attributes.get("spanhouse.execution.agent_name")
        for span in receiver.spans
        if span.name.startswith("execute_tool")
    }
    assert agent_of == {"in a thread": "first", "of the first": "first", "of the second": "second", "of nobody": None}


def test_importing_it_loads_no_exporter_and_nothing_that_takes_long() -> None:
    ended = run("loaded_modules")
    heavy = {"requests", "grpc", "pydantic", "google.protobuf", "opentelemetry.sdk.metrics", "wrapt", "asyncio"}
    assert heavy.isdisjoint(ended.stdout.split())
