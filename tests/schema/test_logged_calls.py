"""Coding agents tell of calls by log records: each is a call, but where a span of the same program tells of it."""

import asyncio
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from spanhouse_collector.otlp.json import requests
from spanhouse_collector.signal import Signal
from spanhouse_schema import Database
from spanhouse_schema.conventions import logged_call_rules, logged_spellings
from spanhouse_schema.derive.settling import settle
from spanhouse_schema.proof.audit import Selection, audit
from spanhouse_schema.proof.rebuild import rebuild
from tests.collector.loading import Tenant, load
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.in_rounds import Cases, Outcomes, unchecked
from tests.support.insert_rows import insert, insert_logs

RECORDED = Path(__file__).parents[1] / "corpus" / "claude-agent-sdk"
SECOND_NS, START_NS = 10**9, 1_790_000_000 * 10**9
LOGS, SPANS = "com.anthropic.claude_code.events", "com.anthropic.claude_code.tracing"
TRACE = "0af7651916cd43dd8448eb211c80319c"
USED = {"input_tokens": "5", "output_tokens": "40", "cache_read_tokens": "900", "cache_creation_tokens": "30"}
OWN = {"session.id": "s-1", "user.id": "u-1", "model": "claude-sonnet-4-5"}
REQUEST = {"event.name": "api_request", "cost_usd": "0.01", "duration_ms": "2000", **USED, **OWN}
ERROR = {"event.name": "api_error", "error": "Overloaded", "status_code": "529", "duration_ms": "100", **OWN}
TOOL = {"event.name": "tool_result", "tool_name": "Bash", "tool_use_id": "t-1", "success": "true", **OWN}

CODEX = {"event.name": "codex.sse_event", "event.kind": "response.completed", "model": "gpt-5", "conversation.id": "c"}
CODEX_USED = {"input_token_count": "100", "output_token_count": "40", "cached_token_count": "60"}
GEMINI = {"event.name": "gemini_cli.api_response", "model": "gemini-2.5-pro", "session.id": "g", "prompt_id": "g#1"}
GEMINI_USED = CODEX_USED | {
    "cached_content_token_count": "60",
    "thoughts_token_count": "10",
    "total_token_count": "150",
}
STANDARD_USED = {"gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": "40"}


class Sent(NamedTuple):
    """What comes in a round."""

    logs: Sequence[Row] = ()
    spans: Sequence[Row] = ()


CASES = Cases[Sent, None]("logged-calls")
Steps = Generator[Sent]


@pytest.fixture(scope="module")
def outcomes(alone: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    directory = tmp_path_factory.mktemp("logged-calls")

    def go(sent: Mapping[str, Sent]) -> None:
        insert_logs(alone, {tenant: each.logs for tenant, each in sent.items()}, directory)
        insert(alone, {tenant: each.spans for tenant, each in sent.items()}, directory)
        settle(alone, 120)

    return CASES.play(alone, go, unchecked)


def record(attributes: Mapping[str, str], at_s: float = 0, **columns: Any) -> Row:
    """A record of Claude Code, so many seconds after the start."""
    at = datetime.fromtimestamp(START_NS / SECOND_NS + at_s, UTC)
    said = {key: text for key, text in attributes.items() if text}
    made = {"Timestamp": f"{at:%F %T.%f}", "ServiceName": "claude-code"}
    return {**made, "ScopeName": LOGS, "LogAttributes": said, **columns}


def request(at_s: float = 0, said: Mapping[str, str] = {}, **columns: Any) -> Row:
    """A record of a request that ended then."""
    return record({**REQUEST, **said}, at_s, **columns)


def told(at_s: float = 0, said: Mapping[str, str] = {}, **columns: Any) -> Row:
    """The span of a request that ended then, two seconds long."""
    attributes = {"span.type": "llm_request", "gen_ai.conversation.id": "s-1", "model": OWN["model"], **USED, **said}
    times = {"Timestamp": START_NS + int((at_s - 2) * SECOND_NS), "Duration": 2 * SECOND_NS}
    made = {"ServiceName": "claude-code", "ScopeName": SPANS, "SpanName": "claude_code.llm_request"}
    return span(f"{int(at_s * 1000):016x}", attributes, **{**times, **made, **columns})


def calls(
    database: Database, tenant: str, columns: str = "session_id, input_tokens, cost_source"
) -> list[tuple[Any, ...]]:
    return database.rows(
        f"SELECT {columns} FROM spanhouse.llm_calls WHERE tenant_id = {{tenant:String}} ORDER BY started_at, span_id",
        parameters={"tenant": tenant},
    )


def runs(database: Database, tenant: str, columns: str) -> list[tuple[Any, ...]]:
    return database.rows(
        f"SELECT {columns} FROM spanhouse.agent_executions FINAL WHERE TenantId = {{tenant:String}} ORDER BY StartedAt",
        parameters={"tenant": tenant},
    )


@CASES.case
def test_a_record_is_a_call_and_belongs_to_a_run_of_its_prompt(alone: Database, tenant: str) -> Steps:
    prompts: list[dict[str, str]] = [{"prompt.id": "p-1"}, {"prompt.id": "p-2"}]
    yield Sent([request(2, prompts[0]), request(9, prompts[0]), record(TOOL | prompts[0], 6), request(60, prompts[1])])
    assert calls(alone, tenant) == [("s-1", 5, "reported")] * 3
    columns = "Kind, AgentName, SessionId, UserId, ModelCalls, ToolCalls, DurationMs, CostUSD * 100"
    assert runs(alone, tenant, columns) == [
        ("agent", "Claude Code", "s-1", "u-1", 2, 1, 9000.0, 2),
        ("agent", "Claude Code", "s-1", "u-1", 1, 0, 2000.0, 1),
    ]


@CASES.case
def test_without_a_prompt_an_hour_of_a_session_is_a_run(alone: Database, tenant: str) -> Steps:
    other = {"session.id": "s-2"}
    yield Sent([request(0), request(600), request(3600), request(5, other)])
    assert sorted(runs(alone, tenant, "SessionId, ModelCalls")) == [("s-1", 1), ("s-1", 2), ("s-2", 1)]


@CASES.case
def test_the_same_record_again_is_the_same_call(alone: Database, tenant: str) -> Steps:
    yield Sent([request()])
    yield Sent([request(), request()])
    assert len(calls(alone, tenant)) == 1


ORDERS = {"logs first": [True], "spans first": [False]}


@CASES.each(ORDERS)
def test_a_span_of_the_trace_that_the_record_names_tells_of_it(alone: Database, tenant: str, logs_first: bool) -> Steps:
    agent = span("a" * 16, {"span.type": "interaction"}, ServiceName="claude-code", ScopeName=SPANS)
    logs = Sent([request(0, TraceId=TRACE, SpanId="a" * 16), record(TOOL, 1, TraceId=TRACE, SpanId="a" * 16)])
    spans = Sent(spans=[agent, told(ParentSpanId="a" * 16)])
    yield from (logs, spans) if logs_first else (spans, logs)
    assert calls(alone, tenant) == [("s-1", 5, "computed")]
    assert runs(alone, tenant, "Kind, ToolCalls") == [("agent", 0)]


@CASES.each(ORDERS)
def test_spans_of_gemini_cli_tell_of_its_records(alone: Database, tenant: str, logs_first: bool) -> Steps:
    said = {"gen_ai.conversation.id": "g", "gen_ai.agent.name": "gemini-cli", "gen_ai.request.model": GEMINI["model"]}
    program: dict[str, Any] = {"ServiceName": "gemini-cli", "ScopeName": "gemini-cli"}
    spans = Sent(
        spans=[
            span("a" * 16, said | {"gen_ai.operation.name": "user_prompt"}, **program),
            span("b" * 16, said | {"gen_ai.operation.name": "llm_call"} | STANDARD_USED, "a" * 16, **program),
            span("c" * 16, said | {"gen_ai.operation.name": "tool_call"}, "a" * 16, **program),
        ]
    )
    tool = {"event.name": "gemini_cli.tool_call", "function_name": "read_file", "session.id": "g", "prompt_id": "g#1"}
    logs = Sent([record(GEMINI | GEMINI_USED, **program), record(tool, **program)])
    yield from (logs, spans) if logs_first else (spans, logs)
    assert calls(alone, tenant) == [("g", 100, "computed")]
    assert runs(alone, tenant, "Kind, AgentName, ModelCalls, ToolCalls") == [("agent", "gemini-cli", 1, 1)]


@CASES.each(ORDERS)
def test_a_span_of_the_same_response_tells_of_it(alone: Database, tenant: str, logs_first: bool) -> Steps:
    logs = Sent([request(0, {"request_id": "req_1"})])
    spans = Sent(spans=[told(30, {"gen_ai.response.id": "req_1", "gen_ai.conversation.id": ""})])
    yield from (logs, spans, logs) if logs_first else (spans, logs, spans)
    assert calls(alone, tenant) == [("", 5, "computed")]


@CASES.each(ORDERS)
def test_a_span_of_the_same_session_and_time_tells_of_it(alone: Database, tenant: str, logs_first: bool) -> Steps:
    prompt = {"prompt.id": "p"}
    logs, spans = Sent([request(0.5, prompt), record(TOOL | prompt, 90)]), Sent(spans=[told()])
    yield from (logs, spans, logs) if logs_first else (spans, logs, spans)
    assert calls(alone, tenant) == [("s-1", 5, "computed")]
    assert runs(alone, tenant, "ModelCalls, ToolCalls, IsDeleted") == [(1, 0, 0)]


@CASES.case
def test_what_came_before_traces_were_turned_on_counts(alone: Database, tenant: str) -> Steps:
    yield Sent([request(0), request(100), request(200)], [told(200, TraceId="bb" * 16), told(300, TraceId="cc" * 16)])
    assert [source for *_, source in calls(alone, tenant)] == ["reported", "reported", "computed", "computed"]


@CASES.case
def test_a_span_of_another_program_or_session_tells_of_something_else(alone: Database, tenant: str) -> Steps:
    yield Sent(
        [request()], [told(ServiceName="another"), told(1, {"gen_ai.conversation.id": "s-2"}, TraceId="bb" * 16)]
    )
    assert len(calls(alone, tenant)) == 3


@CASES.case
def test_a_failed_request_is_a_failed_call_of_no_tokens(alone: Database, tenant: str) -> Steps:
    yield Sent([request(0), record(ERROR, 5), record(ERROR | {"error": "Request was aborted."}, 3)])
    columns = "success, error_type, error_message, input_tokens"
    assert calls(alone, tenant, columns) == [
        (True, "", "", 5),
        (False, "529", "Request was aborted.", None),
        (False, "529", "Overloaded", None),
    ]
    assert runs(alone, tenant, "Status, ErrorMessage, FailedModelCalls") == [("failed", "Overloaded", 2)]


OPEN: dict[str, Any] = {"ScopeName": "", "ServiceName": "x"}
BUCKETS = "success, input_tokens, cache_read_tokens, output_tokens, reasoning_tokens, cost_source"


@CASES.each(
    {
        "Codex": [
            record(CODEX | CODEX_USED | {"reasoning_token_count": "10", "tool_token_count": "140"}, **OPEN),
            (True, 40, 60, 30, 10, "computed"),
        ],
        "Codex, its stream broken": [
            record(CODEX | {"error.message": "stream closed"}, **OPEN),
            (False, None, None, None, None, ""),
        ],
        "Codex, refused": [
            record(CODEX | {"event.name": "codex.api_request", "http.response.status_code": "429"}, **OPEN),
            (False, None, None, None, None, ""),
        ],
        "Gemini CLI": [record(GEMINI | GEMINI_USED, **OPEN), (True, 40, 60, 40, 10, "computed")],
        "Gemini CLI, with tokens of tools": [
            record(GEMINI | GEMINI_USED | {"tool_token_count": "7", "total_token_count": "157"}, **OPEN),
            (True, 40, 60, 40, 10, "partial"),
        ],
        "Qwen Code": [
            record(GEMINI | GEMINI_USED | {"event.name": "qwen-code.api_response", "total_token_count": "140"}, **OPEN),
            (True, 40, 60, 30, 10, "computed"),
        ],
        "by its name alone": [
            request(EventName="claude_code.api_request", ScopeName="", ServiceName="renamed"),
            (True, 5, 900, 40, None, "reported"),
        ],
        "by its service": [request(ScopeName=""), (True, 5, 900, 40, None, "reported")],
        "by its body": [
            request(Body="claude_code.api_request", ScopeName="", ServiceName="renamed"),
            (True, 5, 900, 40, None, "reported"),
        ],
        "with tokens that nobody reads": [
            record(GEMINI | CODEX_USED | {"audio_token_count": "3"}, **OPEN),
            (True, 40, 60, 40, None, "partial"),
        ],
    }
)
def test_each_agent_is_read_as_it_writes(alone: Database, tenant: str, sent: Row, right: tuple[Any, ...]) -> Steps:
    yield Sent([sent])
    assert calls(alone, tenant, BUCKETS) == [right]


@CASES.each(
    {
        "another program's event": [request(ScopeName="shop", ServiceName="shop")],
        "no model": [request(said={"model": ""})],
        "no usage": [record({"event.name": "claude_code.api_request", "model": "m", "session.id": "s"})],
        "a part of a stream": [record(CODEX | CODEX_USED | {"event.kind": "response.created"}, **OPEN)],
        "a request that was answered": [record(CODEX | {"event.name": "codex.api_request"}, **OPEN)],
        "a tool without a name": [record(TOOL | {"tool_name": ""})],
    }
)
def test_other_records_are_no_calls(alone: Database, tenant: str, sent: Row) -> Steps:
    yield Sent([sent])
    assert runs(alone, tenant, "1") == []


@CASES.case
def test_a_tool_is_read_as_it_is(alone: Database, tenant: str) -> Steps:
    failed = {"success": "false", "error": "exit 1", "duration_ms": "1500", "tool_input": "ls", "result_tokens": "7"}
    mcp = {"tool_name": "mcp_tool", "tool_parameters": '{"mcp_server_name": "shop", "mcp_tool_name": "lookup"}'}
    yield Sent([record(TOOL | failed, 2), record(TOOL | mcp, 9)])
    columns = "ToolName, ToolCallId, Success, ErrorMessage, DurationMs, ToolArgumentsPreview, RequestModel, CostSource"
    assert alone.rows(
        f"SELECT {columns} FROM spanhouse.agent_calls FINAL WHERE TenantId = {{tenant:String}} ORDER BY StartedAt",
        parameters={"tenant": tenant},
    ) == [("Bash", "t-1", False, "exit 1", 1500.0, "ls", "", ""), ("lookup", "t-1", True, "", 0.0, "", "", "")]
    assert runs(alone, tenant, "Status, ToolCalls, FailedToolCalls") == [("completed", 2, 1)]


HOSTILE = ("-1", "NaN", "1e300", "9" * 40, "{}", "\x00\x1f\x1e", "x" * 10_000)


@CASES.case
def test_whatever_attributes_say_nothing_fails(alone: Database, tenant: str) -> Steps:
    names = {each.attribute for each in logged_spellings()} - {"model"}
    yield Sent(
        [
            record(
                {**dict.fromkeys(names, text), "event.name": rule.event, rule.where or "-": rule.value, "model": "m"}, n
            )
            | {"ScopeName": "".join(rule.emitters[:1])}
            for rule in logged_call_rules()
            for n, text in enumerate(HOSTILE)
        ]
        + [request(Timestamp=time) for time in ("1900-01-01 00:00:00", "2262-04-11 23:47:16")]
    )
    found = calls(alone, tenant, "input_tokens, cost_usd, duration_ms")
    assert found
    assert all(tokens in {None, 5} for tokens, *_ in found)
    assert all(cost is None or 0 <= cost < 1 for _, cost, _ in found)
    assert all(lasted in {0, 2000} for *_, lasted in found)


@CASES.case
def test_ten_thousand_calls_of_a_session_are_that_many(alone: Database, tenant: str) -> Steps:
    yield Sent(
        [request(number + number // 5000 * 60, {"event.sequence": str(number)}) for number in range(10_000)],
        [told(number, TraceId=f"{number // 100 + 1:032x}") for number in range(5000)],
    )
    assert alone.rows(
        "SELECT count(), countIf(cost_source = 'computed') FROM spanhouse.llm_calls WHERE tenant_id = {tenant:String}",
        parameters={"tenant": tenant},
    ) == [(10_000, 5000)]


def test_a_recording_with_spans_and_records_counts_once(alone: Database, outcomes: Outcomes, tmp_path: Path) -> None:
    sent = {Signal.LOGS: RECORDED / "0002-logs.pb", Signal.TRACES: RECORDED / "0001-traces.pb"}
    orders = {"recorded-logs": [Signal.LOGS], "recorded-first": list(sent), "recorded-last": list(sent)[::-1]}
    for tenant, signals in orders.items():
        for signal in signals:
            body = Tenant(alone, tenant).send(sent[signal].read_bytes())
            asyncio.run(load(tmp_path / tenant / signal.value, alone, [body], signal))
            settle(alone, 120)
    found = {tenant: calls(alone, tenant, BUCKETS) for tenant in orders}
    told_by_spans = [(True, 68, 0, 30, None, "computed"), (True, 136, 64, 31, None, "computed")]
    told_by_spans.append((True, 172, 128, 32, None, "computed"))
    assert found["recorded-first"] == found["recorded-last"] == told_by_spans
    assert found["recorded-logs"] == [(*call[:-1], "reported") for call in told_by_spans]
    tools = "ToolCalls, FailedToolCalls, SessionId"
    assert len({tuple(runs(alone, tenant, tools)) for tenant in orders}) == 1


def test_a_turn_of_codex_with_spans_and_records_counts_once(
    alone: Database, outcomes: Outcomes, tmp_path: Path
) -> None:
    spans = requests.decode(Signal.TRACES, (RECORDED.parents[1] / "field" / "41-codex" / "1-traces.json").read_bytes())
    within: dict[str, Any] = {"TraceId": "4e1e070266924d2f280d44bdf237f802", "SpanId": "506dc55e79f64b60"}
    records = [record(CODEX | CODEX_USED, at_s, **OPEN | within | {"ServiceName": "codex"}) for at_s in (3, 8)]
    insert_logs(alone, {"codex-first": records}, tmp_path)
    settle(alone, 120)
    for tenant in ("codex-first", "codex-last"):
        asyncio.run(load(tmp_path / tenant, alone, [Tenant(alone, tenant).send(spans.payload)]))
    settle(alone, 120)
    insert_logs(alone, {"codex-last": records}, tmp_path)
    settle(alone, 120)
    for tenant in ("codex-first", "codex-last"):
        assert runs(alone, tenant, "Kind, ModelCalls, InputTokens") == [("agent", 2, 30_000)]


def test_an_audit_finds_all_of_it_right_and_a_rebuild_makes_it_so(alone: Database, outcomes: Outcomes) -> None:
    assert audit(alone).is_clean
    tenant = CASES.tenants()[0]
    before = calls(alone, tenant)
    alone.command(f"DELETE FROM spanhouse.agent_spans WHERE FromLog AND TenantId = '{tenant}'")
    assert not audit(alone, Selection(tenant=tenant)).is_clean
    assert rebuild(alone, Selection(tenant=tenant)).read_again
    assert calls(alone, tenant) == before
    assert audit(alone, Selection(tenant=tenant)).is_clean


def test_records_of_before_are_read_by_a_rebuild(alone: Database, outcomes: Outcomes, tmp_path: Path) -> None:
    alone.command("DETACH TABLE spanhouse.logged_calls_mv")
    try:
        insert_logs(alone, {"before": [request()]}, tmp_path)
    finally:
        alone.command("ATTACH TABLE spanhouse.logged_calls_mv")
    assert calls(alone, "before") == []
    rebuild(alone)
    assert calls(alone, "before") == [("s-1", 5, "reported")]
