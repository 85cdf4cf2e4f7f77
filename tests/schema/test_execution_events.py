"""Log records with an event name of ours become lifecycle events, whoever wrote them, and each event is read once."""

import json
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from spanhouse_schema import Database
from spanhouse_schema.clickhouse.insert_settings import insert_settings
from tests.schema.lifecycle import SPAN_ID, TRACE_ID, events, read, record, request, sent
from tests.strategies.values import any_values, texts, times
from tests.support.process import Spanhouse
from tests.support.waiting import until

STATUSES = {
    **dict.fromkeys(("created", "pending"), "created"),
    **dict.fromkeys(("queued", "starting"), "queued"),
    **dict.fromkeys(("running", "thinking", "waiting_for_llm"), "running"),
    **{word: word for word in ("blocked", "paused")},
    **dict.fromkeys(("cancelled", "canceled"), "cancelled"),
    **dict.fromkeys(("completed", "success"), "completed"),
    **dict.fromkeys(("failed", "error", "timeout"), "failed"),
}
NUMBERS = ("Progress", "TasksTotal", "TasksCompleted", "ExpiresInSeconds", "ConfidenceScore", "MemoryMb")
OUR_ATTRIBUTES = (
    *(f"spanhouse.execution.{name}" for name in ("id", "parent_id", "status", "status_message", "waiting_for")),
    *(f"spanhouse.execution.{name}" for name in ("progress", "tasks_total", "tasks_completed", "expires_in")),
    *(f"spanhouse.execution.{name}" for name in ("outcome", "confidence")),
    *(f"spanhouse.task.{name}" for name in ("id", "name", "type", "description", "status")),
    *("spanhouse.memory_mb", "spanhouse.event.id", "spanhouse.case.id", "event.name", "event_name"),
    *("gen_ai.agent.name", "gen_ai.conversation.id", "session.id", "user.id", "error.type", "exception.message"),
)


def test_what_an_event_says_stands_in_columns_and_the_rest_in_attributes(store: Database, tmp_path: Path) -> None:
    said: dict[str, object] = {
        "spanhouse.execution.id": "00F067AA0BA902B7",
        "spanhouse.execution.parent_id": "53995C3F42CD8AD8",
        "spanhouse.event.id": "e-1",
        "spanhouse.execution.status_message": "asking Ann",
        "spanhouse.execution.waiting_for": "human",
        "spanhouse.execution.progress": 0.25,
        "spanhouse.execution.tasks_total": 8,
        "spanhouse.execution.tasks_completed": 2,
        "spanhouse.execution.expires_in": 90.5,
        "spanhouse.execution.outcome": "partial",
        "spanhouse.execution.confidence": 0.75,
        "gen_ai.agent.id": "a-1",
        "gen_ai.agent.name": "planner",
        "gen_ai.agent.version": "3",
        "gen_ai.conversation.id": "s-1",
        "user.id": "u-1",
        "spanhouse.client_account.id": "c-1",
        "spanhouse.engagement.id": "g-1",
        "spanhouse.case.id": "k-1",
        "spanhouse.flow.id": "f-1",
        "error.type": "TimeoutError",
        "exception.message": "too slow",
        "spanhouse.task.id": "t-1",
        "spanhouse.task.name": "survey",
        "spanhouse.task.type": "search",
        "spanhouse.task.description": "look around",
        "spanhouse.task.status": "Success",
        "spanhouse.memory_mb": 12.5,
        "spanhouse.trigger.reason": "cron",
    }
    logs = sent(record("Spanhouse.Execution.Blocked", said, body="a step"), resource={"service.name": "agents"})
    assert events(store, logs, tmp_path) == [
        {
            "TraceId": TRACE_ID.hex(),
            "ExecutionId": "00f067aa0ba902b7",
            "ParentExecutionId": "53995c3f42cd8ad8",
            "EventId": "e-1",
            "EventName": "spanhouse.execution.blocked",
            "Timestamp": "2026-01-02 03:04:05.000000006",
            "ServiceName": "agents",
            "Status": "blocked",
            "StatusMessage": "asking Ann",
            "WaitingFor": "human",
            "Progress": 0.25,
            "TasksTotal": 8,
            "TasksCompleted": 2,
            "ExpiresInSeconds": 90.5,
            "Outcome": "partial",
            "ConfidenceScore": 0.75,
            "ErrorType": "TimeoutError",
            "ErrorMessage": "too slow",
            "AgentId": "a-1",
            "AgentName": "planner",
            "AgentVersion": "3",
            "SessionId": "s-1",
            "UserId": "u-1",
            "ClientAccountId": "c-1",
            "EngagementId": "g-1",
            "CaseId": "k-1",
            "FlowId": "f-1",
            "TaskId": "t-1",
            "TaskName": "survey",
            "TaskType": "search",
            "TaskDescription": "look around",
            "TaskStatus": "completed",
            "MemoryMb": 12.5,
            "Body": "a step",
            "Attributes": {
                "exception.message": "too slow",
                "gen_ai.conversation.id": "s-1",
                "spanhouse.execution.confidence": "0.75",
                "spanhouse.execution.expires_in": "90.5",
                "spanhouse.execution.progress": "0.25",
                "spanhouse.execution.tasks_completed": "2",
                "spanhouse.execution.tasks_total": "8",
                "spanhouse.memory_mb": "12.5",
                "spanhouse.task.status": "Success",
                "spanhouse.trigger.reason": "cron",
            },
        }
    ]


def test_what_an_event_does_not_say_is_unknown_and_its_span_is_the_execution(store: Database, tmp_path: Path) -> None:
    (event,) = events(store, sent(record("spanhouse.execution.heartbeat")), tmp_path)
    assert event["ExecutionId"] == SPAN_ID.hex()
    assert [event[name] for name in NUMBERS] == [None] * len(NUMBERS)
    unsaid = set(event) - {*NUMBERS, "TraceId", "ExecutionId", "EventId", "EventName", "Timestamp"}
    assert {name for name in unsaid if event[name]} == set()


def test_any_spelling_of_a_status_in_the_name_or_the_attribute_is_one_of_eight(store: Database, tmp_path: Path) -> None:
    records = []
    for word in STATUSES:
        for spelled in (word, word.upper(), word.title()):
            records.append(record(f"spanhouse.execution.{spelled}"))
            records.append(record("spanhouse.execution.heartbeat", {"spanhouse.execution.status": spelled}))
            records.append(record(f"spanhouse.task.{spelled}"))
    found = events(store, sent(*records), tmp_path)
    told = [(event["Status"], event["StatusMessage"], event["TaskStatus"], event["ErrorType"]) for event in found]
    expected = []
    for word, status in STATUSES.items():
        message = word if word in {"thinking", "waiting_for_llm"} else ""
        error = "timeout" if word == "timeout" else ""
        expected += [*[(status, message, "", error)] * 6, *[("", "", status, error)] * 3]
    assert sorted(told) == sorted(expected)


@pytest.mark.parametrize(
    ("name", "attributes", "told"),
    [
        ("spanhouse.execution.thinking", {"status_message": "about lunch"}, ("running", "about lunch", "")),
        ("spanhouse.execution.timeout", {"error.type": "ReadTimeout"}, ("failed", "", "ReadTimeout")),
        ("spanhouse.execution.timeout", {"exception.type": "ReadTimeout"}, ("failed", "", "timeout")),
        ("spanhouse.execution.failed", {"exception.type": "ValueError"}, ("failed", "", "ValueError")),
        (
            "spanhouse.execution.failed",
            {"error.type": "asyncio.CancelledError"},
            ("cancelled", "", "asyncio.CancelledError"),
        ),
        ("spanhouse.execution.failed", {"error.type": "GraphInterrupt"}, ("paused", "", "GraphInterrupt")),
        ("spanhouse.execution.error", {"exception.type": "ParentCommand"}, ("completed", "", "ParentCommand")),
        ("spanhouse.execution.timeout", {"error.type": "CancelledError"}, ("failed", "", "CancelledError")),
        ("spanhouse.execution.failed", {"status": "running"}, ("failed", "", "")),
        ("spanhouse.execution.progress", {"status": "running"}, ("running", "", "")),
        ("spanhouse.execution.progress", {"status": "resting"}, ("", "", "")),
        ("spanhouse.execution.melting", {}, ("", "", "")),
        ("spanhouse.execution.melting", {"status": "paused"}, ("paused", "", "")),
        ("spanhouse.execution.failed\n", {}, ("", "", "")),
        ("spanhouse.execution.", {}, ("", "", "")),
        ("spanhouse.session.phase", {}, ("", "", "")),
        ("spanhouse.session.completed", {}, ("", "", "")),
        ("spanhouse.trigger", {}, ("", "", "")),
        ("spanhouse.pattern", {}, ("", "", "")),
        ("spanhouse.feedback", {}, ("", "", "")),
        ("spanhouse.something.of.tomorrow", {}, ("", "", "")),
    ],
)
def test_the_name_states_the_status_and_the_attribute_where_it_does_not(
    store: Database, tmp_path: Path, name: str, attributes: dict[str, object], told: tuple[str, str, str]
) -> None:
    said = {key if "." in key else f"spanhouse.execution.{key}": value for key, value in attributes.items()}
    (event,) = events(store, sent(record(name, said)), tmp_path)
    assert event["EventName"] == name
    assert (event["Status"], event["StatusMessage"], event["ErrorType"]) == told


def test_the_name_may_stand_in_an_attribute_and_other_records_are_no_events(store: Database, tmp_path: Path) -> None:
    logs = sent(
        record("", {"event.name": "spanhouse.execution.running"}),
        record("", {"event_name": "spanhouse.execution.paused", "note": "a"}),
        record("", {"event.name": "spanhouse.trigger", "event_name": "other"}),
        record("gen_ai.choice", {"event.name": "spanhouse.execution.failed"}),
        record("spanhouse"),
        record("a.spanhouse.trigger"),
        record("", {"spanhouse.execution.status": "running"}),
        record(""),
    )
    found = sorted(events(store, logs, tmp_path), key=lambda event: event["EventName"])
    names = ["spanhouse.execution.paused", "spanhouse.execution.running", "spanhouse.trigger"]
    assert [event["EventName"] for event in found] == names
    assert [event["Attributes"] for event in found] == [{"note": "a"}, {}, {}]


def test_a_resource_says_of_agent_and_session_what_the_record_does_not(store: Database, tmp_path: Path) -> None:
    resource = {
        "gen_ai.agent.id": "resource's",
        "gen_ai.agent.name": "resource's",
        "gen_ai.conversation.id": "resource's",
        "user.id": "resource's",
        "spanhouse.client_account.id": "resource's",
        "spanhouse.engagement.id": "resource's",
        "spanhouse.execution.status": "failed",
        "spanhouse.execution.id": "resource's",
    }
    said = {"gen_ai.agent.name": "record's", "session.id": "record's", "user.id": ""}
    (event,) = events(store, sent(record("spanhouse.trigger", said), resource=resource), tmp_path)
    assert (event["AgentName"], event["SessionId"]) == ("record's", "record's")
    others = ("AgentId", "UserId", "ClientAccountId", "EngagementId")
    assert [event[name] for name in others] == ["resource's"] * len(others)
    assert (event["Status"], event["ExecutionId"]) == ("", SPAN_ID.hex())


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0", (0.0, 0, 0.0)),
        ("1", (1.0, 1, 1.0)),
        ("0.5", (0.5, None, 0.5)),
        ("42", (None, 42, 42.0)),
        ("18446744073709551615", (None, 2**64 - 1, 18446744073709551615.0)),
        ("18446744073709551616", (None, None, 18446744073709551616.0)),
        ("-1", (None, None, None)),
        ("NaN", (None, None, None)),
        ("Infinity", (None, None, None)),
        ("1e999", (None, None, None)),
        ("half", (None, None, None)),
        ("", (None, None, None)),
        ("[1]", (None, None, None)),
    ],
)
def test_a_number_out_of_bounds_or_none_is_unknown(
    store: Database, tmp_path: Path, text: str, read: tuple[float | None, int | None, float | None]
) -> None:
    fraction, count, amount = read
    names = ("progress", "confidence", "tasks_total", "tasks_completed", "expires_in")
    said = {f"spanhouse.execution.{name}": text for name in names} | {"spanhouse.memory_mb": text}
    (event,) = events(store, sent(record("spanhouse.execution.progress", said)), tmp_path)
    assert (event["Progress"], event["ConfidenceScore"]) == (fraction, fraction)
    assert (event["TasksTotal"], event["TasksCompleted"]) == (count, count)
    assert (event["ExpiresInSeconds"], event["MemoryMb"]) == pytest.approx((amount, amount))
    assert event["Attributes"]["spanhouse.execution.progress"] == text, "what was said is kept"


def test_a_record_without_a_time_has_the_observed_one(store: Database, tmp_path: Path) -> None:
    untimed = record("spanhouse.trigger")
    untimed.time_unix_nano, untimed.observed_time_unix_nano = 0, 1_767_323_046_000_000_000
    (event,) = events(store, sent(untimed), tmp_path)
    assert event["Timestamp"] == "2026-01-02 03:04:06.000000000"


_names = st.sampled_from(
    [
        *(f"spanhouse.execution.{word}" for word in (*STATUSES, "heartbeat", "progress")),
        *("spanhouse.task.completed", "spanhouse.session.phase", "Spanhouse.TRIGGER", "spanhouse.", "other", ""),
    ]
)
_numerals = st.sampled_from(["1e999", "-0", "+1", "0x1p3", " 1", "1_0", "9" * 400, "nan", "-inf", ".", "1e", "\u0661"])
_values = any_values | st.builds(AnyValue, string_value=_numerals | st.sampled_from([*STATUSES]))
_records = st.builds(
    LogRecord,
    time_unix_nano=times,
    event_name=_names | texts.map("spanhouse.".__add__) | texts,
    body=st.none() | _values,
    attributes=st.lists(st.builds(KeyValue, key=st.sampled_from(OUR_ATTRIBUTES) | texts, value=_values), max_size=12),
    trace_id=st.sampled_from([b"", TRACE_ID, b"short"]),
    span_id=st.sampled_from([b"", SPAN_ID, bytes(8)]),
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=st.lists(_records, max_size=30))
def test_whatever_a_client_sends_each_event_is_a_row_within_bounds_and_so_by_a_plain_insert(
    store: Database, tmp_path: Path, records: list[LogRecord]
) -> None:
    logs = sent(*records)
    found = events(store, logs, tmp_path)
    (expected,) = store.rows(
        "SELECT countIf(startsWith(lower(EventName), 'spanhouse.') OR EventName = '' AND startsWith(lower("
        "if(LogAttributes['event.name'] != '', LogAttributes['event.name'], LogAttributes['event_name'])), "
        "'spanhouse.')) FROM spanhouse.otel_logs WHERE TenantId = {tenant:String}",
        parameters={"tenant": logs.receipt.tenant},
    )
    assert (len(found),) == expected
    for event in found:
        assert {event["Status"], event["TaskStatus"]} <= {"", *STATUSES.values()}
        assert event["EventId"]
        for name in ("Progress", "ConfidenceScore"):
            assert event[name] is None or 0 <= event[name] <= 1
        for name in ("TasksTotal", "TasksCompleted", "ExpiresInSeconds", "MemoryMb"):
            assert event[name] is None or 0 <= event[name] < float("inf")
    assert read(store, _copy_plainly(store, logs.receipt.tenant)) == found


def test_bytes_that_are_no_text_make_an_event_like_any_other(database: Database) -> None:
    tenant = f"t{uuid4().hex}"
    broken = "unhex('ff00fe')"
    said = ", ".join(f"'{key}', concat('1', {broken})" for key in OUR_ATTRIBUTES if not key.startswith("event"))
    database.command(
        "INSERT INTO spanhouse.otel_logs (TenantId, Timestamp, TraceId, SpanId, EventName, Body, LogAttributes) "
        f"SELECT '{tenant}', now64(9), {broken}, {broken}, concat('spanhouse.execution.', {broken}), {broken}, "
        f"map({said})"
    )
    query = "SELECT Status, Progress, hex(TraceId) FROM spanhouse.execution_events WHERE TenantId = {tenant:String}"
    assert database.rows(query, parameters={"tenant": tenant}) == [("", None, "FF00FE")]


def test_an_insert_that_is_repeated_adds_nothing(store: Database, tmp_path: Path) -> None:
    logs = sent(*(record("spanhouse.execution.running", {"n": number}) for number in range(3)))
    segment = tmp_path / f"{uuid4().hex}.segment"
    segment.write_bytes(logs.record)
    settings_ = insert_settings("logs") | {"insert_deduplication_token": segment.stem}
    for _ in range(2):
        store.insert_file("spanhouse.otlp_logs", segment, "Protobuf", settings=settings_)
    assert len(read(store, logs.receipt.tenant)) == 3


def test_an_event_that_comes_in_two_requests_is_read_once_by_its_id(store: Database, tmp_path: Path) -> None:
    first = record("spanhouse.execution.running", {"a": 1, "b": 2}, body="x")
    turned = record("spanhouse.execution.running", {"b": 2, "a": 1}, body="x")
    once = sent(first, resource={"service.name": "s", "host.name": "h"})
    again = sent(turned, record("spanhouse.trigger"), resource={"host.name": "h", "service.name": "s"})
    found = [*events(store, once, tmp_path), *events(store, again, tmp_path)]
    assert len({event["EventId"] for event in found}) == 2, "one, and the trigger"
    assert len(found) == 3


def test_events_that_differ_in_anything_have_different_ids(store: Database, tmp_path: Path) -> None:
    one = {"a": "1"}
    later = record("spanhouse.trigger", one, body="x")
    later.time_unix_nano += 1
    elsewhere = record("spanhouse.trigger", one, body="x")
    elsewhere.span_id = bytes(range(8))
    requests = [
        sent(
            record("spanhouse.trigger", one, body="x"),
            record("spanhouse.pattern", one, body="x"),
            record("spanhouse.trigger", {"a": "2"}, body="x"),
            record("spanhouse.trigger", {"a1": ""}, body="x"),
            record("spanhouse.trigger", one, body="y"),
            later,
            elsewhere,
        ),
        sent(record("spanhouse.trigger", one, body="x"), resource={"service.instance.id": "2"}),
        sent(record("spanhouse.trigger", one | {"spanhouse.event.id": "mine"}, body="x")),
    ]
    ids = [event["EventId"] for each in requests for event in events(store, each, tmp_path)]
    assert len(set(ids)) == len(ids) == 9
    assert "mine" in ids


@pytest.mark.slow
def test_a_request_that_is_sent_twice_is_one_event_and_a_collectors_own_insert_another_writers(tmp_path: Path) -> None:
    body = request([record("spanhouse.execution.running", {"spanhouse.event.id": "e-1"})], {"service.name": "s"})
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        for _ in range(2):
            headers = {"content-type": "application/x-protobuf"}
            answer = httpx.post(f"{up.http}/v1/logs", content=body.SerializeToString(), headers=headers, timeout=30)
            assert answer.status_code == 200
        columns = "TraceId, ExecutionId, EventId, EventName, Timestamp, ServiceName, Status, Attributes"
        query = f"SELECT {columns} FROM execution_events FORMAT JSONCompactEachRow"
        until(lambda: up.sql_text(query))
        ours = up.sql_text(query)
        assert len(ours.splitlines()) == 1
        row = {
            "Timestamp": "2026-01-02 03:04:05.000000006",
            "TraceId": TRACE_ID.hex(),
            "SpanId": SPAN_ID.hex(),
            "ServiceName": "s",
            "EventName": "spanhouse.execution.running",
            "LogAttributes": {"spanhouse.event.id": "e-2"},
        }
        up.sql_text(f"INSERT INTO otel_logs ({', '.join(row)}) FORMAT JSONEachRow {json.dumps(row)}")
        both = up.sql_text(f"SELECT {columns} FROM execution_events ORDER BY EventId FORMAT JSONCompactEachRow")
        assert both.splitlines() == [ours, ours.replace("e-1", "e-2")]


def _copy_plainly(store: Database, tenant: str) -> str:
    """Insert a tenant's records anew as an exporter does, by its columns, and return the tenant that they go to."""
    copy = f"t{uuid4().hex}"
    columns = (
        "Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body, ResourceSchemaUrl, "
        "ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, LogAttributes, EventName"
    )
    store.command(
        f"INSERT INTO spanhouse.otel_logs (TenantId, {columns}) SELECT '{copy}', {columns} FROM spanhouse.otel_logs "
        "WHERE TenantId = {tenant:String}",
        parameters={"tenant": tenant},
    )
    return copy
