"""`spanhouse demo`: a workload that is believable, repeatable, and arrives."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_server.demo.workload import Step, Workload
from tests.cli.conftest import Result
from tests.support.process import Spanhouse, free_port, run
from tests.support.waiting import until

Call = Callable[..., Result]


@given(seed=st.integers(0, 2**32))
def test_a_step_lies_within_the_step_above_it(seed: int) -> None:
    for step in Workload(seed).trace().walk():
        assert 0 <= step.start_s <= step.end_s
        assert all(step.start_s <= child.start_s and child.end_s <= step.end_s for child in step.children)


@given(seed=st.integers(0, 2**32))
def test_the_same_seed_plays_the_same_play(seed: int) -> None:
    assert _play(seed, 3) == _play(seed, 3)


def test_the_play_has_agents_in_agents_retries_errors_sessions_and_users() -> None:
    traces = _play(7, 300)
    steps = [step for trace in traces for step in trace.walk()]
    operations = Counter(step.attributes["gen_ai.operation.name"] for step in steps)
    assert operations.keys() == {"invoke_agent", "chat", "execute_tool"}
    assert any(child.name == "invoke_agent researcher" for trace in traces for child in trace.children)
    assert 0.01 < sum(step.failure is not None for step in steps) / len(steps) < 0.2
    assert any(trace.failure for trace in traces)
    assert any(_was_retried(step) for step in steps)
    sessions = Counter(trace.attributes["gen_ai.conversation.id"] for trace in traces)
    assert max(sessions.values()) > 1
    assert len({trace.attributes["user.id"] for trace in traces}) > 10


@pytest.mark.slow
def test_what_is_sent_is_what_arrives_with_its_events_and_metrics(up: Spanhouse) -> None:
    result = run("demo", "--endpoint", up.http, "--rate", "400", "--for", "2s", "--seed", "11", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["sent"] >= 800
    assert report["refused"] == 0
    where = "WHERE ResourceAttributes['service.namespace'] = 'research-desk'"
    _wait(up, f"SELECT count() FROM otel_traces {where}", str(report["sent"]))
    _wait(up, f"SELECT count() > 0 FROM otel_logs {where} AND EventName = 'gen_ai.client.operation.exception'", "1")
    _wait(up, f"SELECT uniqExact(MetricName) FROM otel_metrics_histogram {where}", "2")
    known = "ParentSpanId IN (SELECT SpanId FROM otel_traces)"
    assert up.sql_text(f"SELECT count() FROM otel_traces {where} AND ParentSpanId != '' AND NOT {known}") == "0"


def test_an_endpoint_where_nobody_answers_is_a_failure_that_says_so(call: Call) -> None:
    result = call("demo", "--endpoint", f"http://127.0.0.1:{free_port()}")
    assert result.code == 1
    assert "nothing answers at http://127.0.0.1:" in result.err


def _play(seed: int, traces: int) -> list[Step]:
    workload = Workload(seed)
    return list(islice(iter(workload.trace, None), traces))


def _was_retried(step: Step) -> bool:
    pairs = zip(step.children, step.children[1:], strict=False)
    return any(a.failure and not b.failure and a.name == b.name for a, b in pairs)


def _wait(up: Spanhouse, statement: str, expected: str) -> None:
    until(lambda: up.sql_text(statement) == expected)
