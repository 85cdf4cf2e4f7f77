"""Databases of a size that no client could fill in a morning: rows that ClickHouse makes of numbers, straight in SQL.

Ids are hashes, so that the rows of a trace lie anywhere among the others', as those of real traces do.
"""

from spanhouse_schema import Database

SPANS_PER_TRACE = 10
AGENTS = 1_000
TENANT = "bench"
# So many rows are one INSERT: about 1 GB of memory.
_BLOCK = 2_000_000
# What reads raw spans holds some 3 KB for each.
_RAW_BLOCK = 200_000

# What the n-th trace, and the s-th of its ten spans, is called. The first is the agent's, and everybody's parent.
_TRACE_ID = "lower(hex(sipHash128(n)))"
_SPAN_ID = "lower(hex(sipHash64(n, s)))"
_AGENT = f"sipHash64(n, 'agent') % {AGENTS}"
_AGENT_NAME = f"concat('agent-', toString({_AGENT}))"
_STARTED_AT = "toDateTime64('2026-10-20 00:00:00', 9) + toIntervalMillisecond(n)"
_SESSION_ID = "concat('session-', toString(intDiv(n, 10)))"
_USER_ID = "concat('user-', toString(sipHash64(n, 'user') % 10000))"
_KIND = "['agent', 'model', 'tool', 'model', 'tool', 'model', 'tool', 'model', 'other', 'other'][s + 1]"

_EXECUTION = {
    "TenantId": f"'{TENANT}'",
    "TraceId": _TRACE_ID,
    "ExecutionId": "lower(hex(sipHash64(n, 0)))",
    "RootExecutionId": "lower(hex(sipHash64(n, 0)))",
    "Kind": "'agent'",
    "ServiceName": f"concat('service-', toString({_AGENT} % 20))",
    "AgentName": _AGENT_NAME,
    "SessionId": _SESSION_ID,
    "UserId": _USER_ID,
    "Status": "if(n % 5 = 0, 'failed', 'completed')",
    "StartedAt": _STARTED_AT,
    "EndedAt": f"{_STARTED_AT} + toIntervalMillisecond(sipHash64(n) % 60000)",
    "DurationMs": "sipHash64(n) % 60000",
    "InputPreview": "concat('What is known of the case ', toString(n), '? ', repeat('Be thorough. ', 6))",
    "OutputPreview": "concat('Of the case ', toString(n), ' little is known. ', repeat('Ask again. ', 6))",
    "ModelCalls": "4",
    "ToolCalls": "3",
    "InputTokens": "sipHash64(n) % 9000",
    "OutputTokens": "sipHash64(n) % 900",
    "TotalModelCalls": "4",
    "TotalToolCalls": "3",
    "TotalInputTokens": "sipHash64(n) % 9000",
    "TotalOutputTokens": "sipHash64(n) % 900",
    "Version": "1",
}


def add_spans(database: Database, first_trace: int, traces: int) -> None:
    """Store the spans of so many traces with what was settled from them, as if long ago: none is nominated any more."""
    for start in range(first_trace, first_trace + traces, _BLOCK // SPANS_PER_TRACE):
        end = min(start + _BLOCK // SPANS_PER_TRACE, first_trace + traces)
        _insert_spans(database, start, end)
        _insert_calls(database, start, end)
        add_executions(database, start, end - start)
    database.command("TRUNCATE TABLE spanhouse.touched_traces")


def add_executions(database: Database, first: int, count: int) -> None:
    """Store so many executions, one a trace."""
    for start in range(first, first + count, _BLOCK // 2):
        numbers = f"numbers({start}, {min(_BLOCK // 2, first + count - start)})"
        _insert_executions(database, _EXECUTION, f"SELECT number AS n FROM {numbers}")


def add_days(database: Database, count: int, days: int) -> None:
    """Append so many executions to the ledger, with what they spent, in so many days: today is the last."""
    day = f"toDate32(now()) - {days - 1} + intDiv(n * {days}, {count})"
    spent_at = f"toDateTime64({day}, 0) + toIntervalSecond(sipHash64(n, 'second') % 86400)"
    models = ("gpt-5", "claude-sonnet-4-5")
    used = ", ".join(
        f"({day}, 'openai', '{model}', 2, 0, 0, 0, 3000, NULL, NULL, 300, NULL, NULL, toDecimal128(0.004, 12))"
        for model in models
    )
    names = ("TenantId", "TraceId", "ExecutionId", "AgentName", "UserId", "SessionId")
    entry = {name: _EXECUTION[name] for name in names} | {"Day": day, "Sign": "1"}
    run = entry | {
        "Entry": "'run'",
        "ServiceName": _EXECUTION["ServiceName"],
        "IsTask": "true",
        "Status": _EXECUTION["Status"],
        "DurationNs": f"{_EXECUTION['DurationMs']} * 1000000",
        "DurationBucket": "if(DurationNs = 0, -32768, ceil(log(DurationNs / 1e6) / log(1.02)))",
        "ToolCalls": _EXECUTION["ToolCalls"],
        "Usage": f"[{used}]",
    }
    spend = entry | {
        "Entry": "'spend'",
        "Runs": "1",
        "Invocations": "1",
        "Spent": f"[({spent_at}, 0.004), ({spent_at}, 0.004)]",
    }
    for start in range(0, count, _BLOCK // 2):
        numbers = f"SELECT number AS n FROM numbers({start}, {min(_BLOCK // 2, count - start)})"
        for columns in (run, spend):
            _insert(database, "daily_ledger", columns, numbers)


def add_raw(database: Database, first: int, count: int) -> None:
    """Store the raw spans of so many traces, all of today: the views read them, and none is settled."""
    day = "toDateTime64(toDate(now()), 9)"
    said = """multiIf(
        s = 0, map('gen_ai.operation.name', 'invoke_agent', 'gen_ai.agent.name', agent, 'user.id', user),
        kind = 'model', map(
            'gen_ai.operation.name', 'chat', 'gen_ai.provider.name', 'openai', 'gen_ai.request.model', 'gpt-5',
            'gen_ai.response.id', concat('resp_', hex(sipHash64(n, s))),
            'gen_ai.usage.input_tokens', toString(sipHash64(n, s) % 3000),
            'gen_ai.usage.output_tokens', toString(sipHash64(n, s) % 300)
        ),
        kind = 'tool', map('gen_ai.operation.name', 'execute_tool', 'gen_ai.tool.name', 'search'),
        map('step', toString(s))
    )"""
    for start in range(first, first + count, _RAW_BLOCK // SPANS_PER_TRACE):
        traces = min(_RAW_BLOCK // SPANS_PER_TRACE, first + count - start)
        _insert(
            database,
            "otel_traces",
            {
                "TenantId": f"'{TENANT}'",
                "TraceId": _TRACE_ID,
                "SpanId": _SPAN_ID,
                "ParentSpanId": "if(s = 0, '', lower(hex(sipHash64(n, 0))))",
                "Timestamp": f"{day} + toIntervalMillisecond(sipHash64(n, 'at') % 86000000 + 10 * s)",
                "Duration": "if(s = 0, 200000000, 5000000)",
                "SpanName": "kind",
                "ServiceName": f"concat('service-', toString({_AGENT} % 20))",
                "SpanAttributes": f"mapUpdate({said}, map('session.id', {_SESSION_ID}))",
            },
            f"SELECT number AS n, arrayJoin(range({SPANS_PER_TRACE})) AS s, {_KIND} AS kind, {_AGENT_NAME} AS agent,"
            f" {_USER_ID} AS user FROM numbers({start}, {traces})",
        )


def complete_some(database: Database, count: int) -> None:
    """Of so many executions, settle each tenth or so again, as completed."""
    again = _EXECUTION | {"Status": "'completed'", "Version": "2"}
    numbers = f"SELECT number AS n FROM numbers({count}) WHERE sipHash64(n, 'again') % 10 = 0"
    _insert_executions(database, again, numbers)


def take_some_back(database: Database, count: int) -> None:
    """Of so many executions, delete each fiftieth or so."""
    deleted = _EXECUTION | {"Version": "3", "IsDeleted": "1"}
    numbers = f"SELECT number AS n FROM numbers({count}) WHERE sipHash64(n, 'deleted') % 50 = 0"
    _insert_executions(database, deleted, numbers)


def touch(database: Database, first_trace: int, traces: int, every: int, span: int) -> None:
    """Add a span, the `span`-th, to each of so many stored traces, `every` apart from one another."""
    _insert_spans(database, first_trace, first_trace + traces * every, f"n % {every} = {first_trace % every}", [span])


def _insert_spans(
    database: Database, start: int, end: int, which: str = "true", spans: list[int] | None = None
) -> None:
    _insert(
        database,
        "agent_spans",
        {
            "TenantId": f"'{TENANT}'",
            "TraceId": _TRACE_ID,
            "SpanId": _SPAN_ID,
            "ParentSpanId": "if(s = 0, '', lower(hex(sipHash64(n, 0))))",
            "StartedAt": f"{_STARTED_AT} + toIntervalMillisecond(s)",
            "EndedAt": f"{_STARTED_AT} + toIntervalMillisecond(s + sipHash64(n, s) % 60000)",
            "IngestedAt": "now64(3)",
            "ServiceName": f"concat('service-', toString({_AGENT} % 20))",
            "ScopeName": "'bench'",
            "SpanName": "Kind",
            "Kind": f"if(s < 10, {_KIND}, 'tool')",
            "AgentName": f"if(s = 0, {_AGENT_NAME}, '')",
            "AgentNamed": "s = 0",
            "SessionId": _SESSION_ID,
            "UserId": _USER_ID,
            "RequestModel": "if(Kind = 'model', 'gpt-5', '')",
            "ResponseId": "if(Kind = 'model', concat('resp_', hex(sipHash64(n, s))), '')",
            "InputTokens": "if(Kind = 'model', sipHash64(n, s) % 3000, NULL)",
            "OutputTokens": "if(Kind = 'model', sipHash64(n, s) % 300, NULL)",
            "ToolName": "if(Kind = 'tool', 'search', '')",
            "ToolResultPreview": "if(Kind = 'tool', concat('Of the case ', toString(n), ' this is known.'), '')",
        },
        f"SELECT number AS n, arrayJoin({spans or list(range(SPANS_PER_TRACE))}) AS s"
        f" FROM numbers({start}, {end - start}) WHERE {which}",
    )


def _insert_executions(database: Database, columns: dict[str, str], numbers: str) -> None:
    for table in ("agent_executions", "agent_executions_by_agent"):
        _insert(database, table, columns, numbers)


def _insert_calls(database: Database, start: int, end: int) -> None:
    _insert(
        database,
        "agent_calls",
        {
            "TenantId": f"'{TENANT}'",
            "TraceId": _TRACE_ID,
            "SpanId": _SPAN_ID,
            "Kind": _KIND,
            "ExecutionId": "lower(hex(sipHash64(n, 0)))",
            "RootExecutionId": "lower(hex(sipHash64(n, 0)))",
            "AgentName": _AGENT_NAME,
            "SessionId": _SESSION_ID,
            "StartedAt": f"{_STARTED_AT} + toIntervalMillisecond(s)",
            "EndedAt": f"{_STARTED_AT} + toIntervalMillisecond(s + sipHash64(n, s) % 60000)",
            "InputTokens": "sipHash64(n, s) % 3000",
            "OutputTokens": "sipHash64(n, s) % 300",
            "Version": "1",
        },
        f"SELECT number AS n, arrayJoin([1, 2, 3, 4, 5, 6, 7]) AS s FROM numbers({start}, {end - start})",
    )


def _insert(database: Database, table: str, columns: dict[str, str], numbers: str) -> None:
    values = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    database.command(
        f"INSERT INTO spanhouse.{table} ({', '.join(columns)}) SELECT {values} FROM ({numbers})",
        # What is unique need not be made so, and rows of one INSERT shall be one part, whatever makes them.
        settings={"optimize_on_insert": 0, "max_insert_threads": 1, "min_insert_block_size_rows": _BLOCK},
    )
