"""A call that is told of in two traces counts once, whichever comes first, and however long after the other."""

from typing import Any

import pytest

from spanhouse_schema import Database
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.expected_executions import assert_settled
from tests.support.in_rounds import Cases, Outcomes, Steps, settled

CASES = Cases[list[Row], None]("one-call")
MS, START_NS = 10**6, 1_790_000_000_000_000_000
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic"}
ID, USED = {"gen_ai.response.id": "msg_1"}, {"gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": "10"}
FULLER = {"gen_ai.usage.cache_read.input_tokens": "60", "gen_ai.usage.output_tokens": "11"}
AGENT = span(
    "a",
    {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"},
    TraceId="aa" * 16,
    Timestamp=START_NS,
    Duration=500 * MS,
)


@pytest.fixture(scope="module")
def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return CASES.play(database, settled(database, tmp_path_factory.mktemp("one-call")))


def _call(span_id: str, scope: str, at_ms: int, long_ms: int, said: dict[str, str], **columns: Any) -> Row:
    times = {"Timestamp": START_NS + at_ms * MS, "Duration": long_ms * MS}
    parent = "a" if columns.get("TraceId", "aa" * 16) == "aa" * 16 else ""
    return span(span_id, CHAT | said, parent, **({"TraceId": "aa" * 16, "ScopeName": scope} | times | columns))


def _calls(database: Database, tenant: str) -> list[tuple[Any, ...]]:
    return database.rows(
        "SELECT span_id, success, input_tokens, cache_read_tokens, output_tokens FROM spanhouse.llm_calls "
        "WHERE tenant_id = {tenant:String} ORDER BY span_id",
        parameters={"tenant": tenant},
    )


OWN = _call("c", "one", 5, 80, USED | ID)
ELSEWHERE = _call("d", "another", 6, 78, USED | FULLER | ID, TraceId="bb" * 16)
FAILED = _call("c", "one", 5, 80, {"gen_ai.request.model": "claude-sonnet-4-5"}, StatusCode="Error")
FAILED_ELSEWHERE = _call("d", "another", 6, 78, {}, StatusCode="Error", TraceId="bb" * 16)


@CASES.each(
    {
        "at once": [[[AGENT, OWN, ELSEWHERE]]],
        "later": [[[AGENT, OWN], [ELSEWHERE]]],
        "before": [[[ELSEWHERE], [AGENT, OWN]]],
        "and the run comes last": [[[ELSEWHERE], [OWN], [AGENT]]],
    }
)
def test_a_response_is_told_in_another_trace(database: Database, tenant: str, rounds: list[list[Row]]) -> Steps:
    yield from rounds
    assert _calls(database, tenant) == [("c", True, 100, 60, 11)]
    assert_settled(database, tenant, [AGENT, OWN, ELSEWHERE])


@CASES.each(
    {
        "at once": [[[AGENT, FAILED, FAILED_ELSEWHERE]]],
        "later": [[[AGENT, FAILED], [FAILED_ELSEWHERE]]],
        "before": [[[FAILED_ELSEWHERE], [AGENT, FAILED]]],
    }
)
def test_a_failure_is_told_in_another_trace(database: Database, tenant: str, rounds: list[list[Row]]) -> Steps:
    yield from rounds
    assert _calls(database, tenant) == [("c", False, None, None, None)]
    assert_settled(database, tenant, [AGENT, FAILED, FAILED_ELSEWHERE])


@CASES.case
def test_failures_of_two_processes_are_two_calls(database: Database, tenant: str) -> Steps:
    elsewhere = FAILED_ELSEWHERE | {"ResourceAttributes": {"service.instance.id": "2"}}
    yield [AGENT, FAILED]
    yield [elsewhere]
    assert len(_calls(database, tenant)) == 2
    assert_settled(database, tenant, [AGENT, FAILED, elsewhere])
