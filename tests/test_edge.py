"""Odd but legal telemetry, and what is not legal, sent to a running `spanhouse up`: the answer, and what is stored."""

from collections.abc import Generator, Sequence

import httpx
import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanhouse_schema import Database
from tests.reference import TABLES, Request
from tests.support.corpus import REFUSED, Recording, edge_cases, parse, read
from tests.support.running_up import Up, running

pytestmark = pytest.mark.slow

CASES = edge_cases()
STORED = sorted(CASES.keys() - REFUSED)
# Spans whose trace id or span id is none.
REJECTED_SPANS = {
    "edge/0037-traces.pb": 1,
    "edge/0038-traces.pb": 1,
    "edge/0040-traces.pb": 3,
    "edge/0041-traces.pb": 2,
    "edge/0087-traces.json": 1,
    "edge/0088-traces.json": 1,
}
SPAN_IDS = b"\x0a\x10" + bytes(range(1, 17)) + b"\x12\x08" + bytes(range(1, 9))
# Spans that are legal protobuf, and that ClickHouse's reader does not take as they are.
UNREAD_SPANS = {
    "an-unknown-group": SPAN_IDS + b"\xc3\x3e\x08\x01\xc4\x3e",
    "a-name-that-is-a-number": SPAN_IDS + b"\x28\x05",
    "a-start-of-four-bytes": SPAN_IDS + b"\x3d\x01\x02\x03\x04",
    "an-attribute-that-is-a-number": SPAN_IDS + b"\x48\x02",
    "an-integer-of-letters": SPAN_IDS + b"\x4a\x0c\x0a\x01k\x12\x07\x1a\x05hello",
}
DAY_NS = 86_400 * 10**9
# Every day from 1970 to 1997, then the ends of what a column holds, and times past it.
MANY_DAYS = [day * DAY_NS for day in range(10_000)] + [1, 2**63 - 1, 2**63, 2**64 - 1]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Generator[Up]:
    tenants = [*map(_tenant, CASES), *UNREAD_SPANS, *(f"days-{signal}" for signal in TABLES)]
    with running(tmp_path_factory.mktemp("edge"), tenants) as up:
        yield up


@pytest.fixture(scope="module")
def answers(up: Up) -> dict[str, httpx.Response]:
    """What each case was answered; all of them are in the database."""
    answers = {name: _send_case(up, read(name)) for name in CASES}
    up.wait_until_loaded()
    return answers


@pytest.mark.parametrize("name", STORED)
def test_a_readable_case_is_accepted_but_for_spans_without_ids(answers: dict[str, httpx.Response], name: str) -> None:
    answer = answers[name]
    assert answer.status_code == 200, answer.text
    assert _rejected_spans(answer) == REJECTED_SPANS.get(name, 0)


@pytest.mark.parametrize("name", STORED)
def test_a_readable_case_is_stored_whole(up: Up, answers: dict[str, httpx.Response], name: str) -> None:
    recording = read(name)
    up.check(recording.signal, parse(recording), recording.body, _tenant(name))
    tables = " + ".join(
        f"(SELECT count() FROM spanhouse.{table} WHERE TenantId = {{tenant:String}})"
        for table in TABLES[recording.signal]
    )
    stored = up.database.rows(f"SELECT {tables}", parameters={"tenant": _tenant(name)})[0][0]
    assert stored == int(CASES[name]["items"]) - REJECTED_SPANS.get(name, 0)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_unreadable_case_is_a_bad_request_that_says_why(answers: dict[str, httpx.Response], name: str) -> None:
    answer = answers[name]
    assert answer.status_code == 400
    assert (answer.json()["message"] if _is_json(answer) else Status.FromString(answer.content).message) != ""


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_nothing_is_stored_of_an_unreadable_case(up: Up, answers: dict[str, httpx.Response], name: str) -> None:
    recording = read(name)
    up.check(recording.signal, ExportTraceServiceRequest(), recording.body, _tenant(name))


def test_legal_protobuf_that_clickhouse_does_not_read_is_stored_all_the_same(up: Up) -> None:
    bodies = {tenant: _request_of(span) for tenant, span in UNREAD_SPANS.items()}
    for tenant, body in bodies.items():
        assert up.send("traces", body, tenant).status_code == 200
    up.wait_until_loaded()
    for tenant, body in bodies.items():
        up.check("traces", ExportTraceServiceRequest.FromString(body), body, tenant)


@pytest.mark.parametrize("signal", TABLES)
def test_times_on_thousands_of_days_make_one_part_and_are_all_kept(up: Up, signal: str) -> None:
    request = _at_times(signal, MANY_DAYS)
    assert up.send(signal, request.SerializeToString(), f"days-{signal}").status_code == 200
    up.wait_until_loaded()
    assert {_parts(up.database, table, f"days-{signal}") for table in TABLES[signal]} <= {0, 1}
    up.check(signal, request, request.SerializeToString(), f"days-{signal}")
    for table in TABLES[signal]:
        # A merge is when a row's retention is looked at.
        up.database.command(f"OPTIMIZE TABLE spanhouse.{table} FINAL")
    up.check(signal, request, request.SerializeToString(), f"days-{signal}")


def _tenant(name: str) -> str:
    return name.replace("/", "-")


def _send_case(up: Up, recording: Recording) -> httpx.Response:
    return up.send(recording.signal, recording.body, _tenant(recording.name), json=recording.is_json)


def _is_json(answer: httpx.Response) -> bool:
    return answer.headers["content-type"] == "application/json"


def _rejected_spans(answer: httpx.Response) -> int:
    response = ExportTraceServiceResponse()
    if _is_json(answer):
        json_format.Parse(answer.content, response)
    else:
        response.ParseFromString(answer.content)
    # The specification: it must not be set when everything was accepted.
    assert response.HasField("partial_success") == (response.partial_success.rejected_spans > 0)
    return response.partial_success.rejected_spans


def _request_of(span: bytes) -> bytes:
    """A trace request of one span, which is bytes that the official classes would not write."""
    body = span
    for tag in (b"\x12", b"\x12", b"\x0a"):  # spans, scope_spans, resource_spans
        body = tag + bytes([len(body)]) + body
    return body


def _parts(database: Database, table: str, tenant: str) -> int:
    """How many parts of a table hold the rows of a tenant."""
    rows = database.rows(
        f"SELECT uniqExact(_part) FROM spanhouse.{table} WHERE TenantId = {{tenant:String}}",
        parameters={"tenant": tenant},
    )
    return int(rows[0][0])


def _at_times(signal: str, times: Sequence[int]) -> Request:
    """A request with an item at each of these times."""
    if signal == "traces":
        spans = [
            Span(
                trace_id=number.to_bytes(16, "big"),
                span_id=number.to_bytes(8, "big"),
                start_time_unix_nano=time,
                end_time_unix_nano=time,
            )
            for number, time in enumerate(times, 1)
        ]
        return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])
    if signal == "logs":
        records = [LogRecord(time_unix_nano=time, observed_time_unix_nano=1) for time in times]
        return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])
    points = [NumberDataPoint(time_unix_nano=time, as_int=1) for time in times]
    metrics = [Metric(name="m", gauge=Gauge(data_points=points))]
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=metrics)])]
    )
