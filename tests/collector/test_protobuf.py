"""The door for OTLP/protobuf: what passes is what was sent, but for what the database cannot hold."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanhouse_collector.otlp import protobuf
from spanhouse_collector.signal import Signal
from spanhouse_web.errors import BadRequest
from tests import reference, strategies
from tests.collector.flattened import flattened
from tests.reference import Request
from tests.reference import values as spelling
from tests.strategies.values import nest

TRACE_ID, SPAN_ID = bytes(range(1, 17)), bytes(range(1, 9))


def traces(*spans: Span) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])


def span(trace_id: bytes = TRACE_ID, span_id: bytes = SPAN_ID, **fields: Any) -> Span:
    return Span(trace_id=trace_id, span_id=span_id, **fields)


def stored(signal: Signal, request: Request) -> Request:
    """What the database is given of a request."""
    return type(request).FromString(protobuf.decode(signal, request.SerializeToString()).payload)


@pytest.mark.parametrize("signal", Signal)
def test_values_that_nest_are_spelled_and_nothing_else_changes(signal: Signal) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategies.requests(signal.value))
    def check(request: Request) -> None:
        if isinstance(request, ExportTraceServiceRequest):
            _without_refused_spans(request)
        assert stored(signal, request) == flattened(request)

    check()


def _without_refused_spans(request: ExportTraceServiceRequest) -> None:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            kept = [span for span in scope.spans if _is_identified(span)]
            del scope.spans[:]
            scope.spans.extend(kept)


def _is_identified(span: Span) -> bool:
    return len(span.trace_id) == 16 and len(span.span_id) == 8 and any(span.trace_id) and any(span.span_id)


def test_a_request_that_does_not_nest_is_stored_byte_for_byte() -> None:
    body = traces(
        span(name="chat", attributes=[{"key": "k", "value": {"array_value": {"values": [{"int_value": 0}]}}}])
    )
    assert protobuf.decode(Signal.TRACES, body.SerializeToString()).payload == body.SerializeToString()


def test_a_scalar_that_comes_twice_is_stored_as_the_last_one() -> None:
    twice = span(name="first").SerializeToString() + span(name="last").SerializeToString()
    decoded = protobuf.decode(Signal.TRACES, _delimited(_delimited(_delimited(twice, 2), 2), 1))
    assert decoded.payload == traces(span(name="last")).SerializeToString()


def _delimited(data: bytes, field: int) -> bytes:
    assert len(data) < 128
    return bytes([field << 3 | 2, len(data)]) + data


_PLACES: dict[str, tuple[Signal, Callable[[Any], Any]]] = {
    "resource": (Signal.TRACES, lambda request: request.resource_spans.add().resource.attributes.add().value),
    "scope": (Signal.TRACES, lambda request: _scope(request).scope.attributes.add().value),
    "span": (Signal.TRACES, lambda request: _span(request).attributes.add().value),
    "event": (Signal.TRACES, lambda request: _span(request).events.add().attributes.add().value),
    "link": (Signal.TRACES, lambda request: _span(request).links.add().attributes.add().value),
    "log body": (Signal.LOGS, lambda request: _record(request).body),
    "log": (Signal.LOGS, lambda request: _record(request).attributes.add().value),
    "metric": (Signal.METRICS, lambda request: _metric(request).metadata.add().value),
    "gauge": (Signal.METRICS, lambda request: _metric(request).gauge.data_points.add().attributes.add().value),
    "sum": (Signal.METRICS, lambda request: _metric(request).sum.data_points.add().attributes.add().value),
    "summary": (Signal.METRICS, lambda request: _metric(request).summary.data_points.add().attributes.add().value),
    "histogram": (Signal.METRICS, lambda request: _metric(request).histogram.data_points.add().attributes.add().value),
    "exponential histogram": (
        Signal.METRICS,
        lambda request: _metric(request).exponential_histogram.data_points.add().attributes.add().value,
    ),
    "exemplar": (
        Signal.METRICS,
        lambda request: _metric(request).histogram.data_points.add().exemplars.add().filtered_attributes.add().value,
    ),
}


def _scope(request: Any) -> Any:
    return request.resource_spans.add().scope_spans.add()


def _span(request: Any) -> Any:
    return _scope(request).spans.add(trace_id=TRACE_ID, span_id=SPAN_ID)


def _record(request: Any) -> Any:
    return request.resource_logs.add().scope_logs.add().log_records.add()


def _metric(request: Any) -> Any:
    return request.resource_metrics.add().scope_metrics.add().metrics.add()


@pytest.mark.parametrize("place", _PLACES)
@pytest.mark.parametrize("maps", [True, False], ids=["maps", "arrays"])
def test_thirty_levels_are_kept_wherever_a_value_can_stand(place: str, maps: bool) -> None:
    signal, value_of = _PLACES[place]
    request = reference.REQUESTS[signal.value]()
    value = _nested(30, maps=maps)
    value_of(request).CopyFrom(value)
    assert spelling.text(value).encode() in protobuf.decode(signal, request.SerializeToString()).payload


@pytest.mark.parametrize("place", _PLACES)
def test_deeper_values_are_refused_with_a_reason(place: str) -> None:
    signal, value_of = _PLACES[place]
    request = reference.REQUESTS[signal.value]()
    value_of(request).CopyFrom(_nested(33, maps=False))
    with pytest.raises(BadRequest, match="nests more than 32 levels"):
        protobuf.decode(signal, request.SerializeToString())


def _nested(levels: int, *, maps: bool) -> AnyValue:
    value = AnyValue(int_value=7)
    for _ in range(levels):
        value = nest(value, is_map=maps)
    return value


def test_a_bomb_of_twenty_thousand_levels_is_refused() -> None:
    value = b""
    for _ in range(20_000):
        value = _field(5, _field(1, value))
    body = _field(1, _field(2, _field(2, span().SerializeToString() + _field(9, _field(2, value)))))
    with pytest.raises(BadRequest, match="nests more than 32 levels"):
        protobuf.decode(Signal.TRACES, body)


def _field(number: int, data: bytes) -> bytes:
    length, size = bytearray(), len(data)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + data


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (span(trace_id=b""), "the trace id is not 16 bytes"),
        (span(trace_id=bytes(17)), "the trace id is not 16 bytes"),
        (span(trace_id=bytes(16)), "the trace id is zero"),
        (span(span_id=b""), "the span id is not 8 bytes"),
        (span(span_id=bytes(9)), "the span id is not 8 bytes"),
        (span(span_id=bytes(8)), "the span id is zero"),
    ],
)
def test_a_span_without_valid_ids_is_left_out_and_named(bad: Span, reason: str) -> None:
    good = span(name="good")
    decoded = protobuf.decode(Signal.TRACES, traces(good, bad, good).SerializeToString())
    assert decoded.payload == traces(good, good).SerializeToString()
    assert (decoded.items, decoded.rejected, decoded.reasons) == (2, 1, {reason: 1})
    ((stored_reason, item),) = decoded.refused
    assert stored_reason == reason
    assert json.loads(item).get("traceId", "") == bad.trace_id.hex()
    assert json.loads(item).get("spanId", "") == bad.span_id.hex()


def test_a_refused_span_is_kept_as_otlp_json() -> None:
    bad = span(
        span_id=b"",
        name="n",
        kind=99,
        attributes=[
            {"key": "deep", "value": _nested(2, maps=True)},
            {"key": "nan", "value": {"double_value": float("nan")}},
        ],
        links=[{"trace_id": TRACE_ID, "span_id": SPAN_ID}],
    )
    ((_, item),) = protobuf.decode(Signal.TRACES, traces(bad).SerializeToString()).refused
    assert json.loads(item) == {
        "traceId": TRACE_ID.hex(),
        "name": "n",
        "kind": 99,
        "attributes": [
            {"key": "deep", "value": {"stringValue": '{"k":{"k":7}}'}},
            {"key": "nan", "value": {"doubleValue": "NaN"}},
        ],
        "links": [{"traceId": TRACE_ID.hex(), "spanId": SPAN_ID.hex()}],
    }


def test_a_large_refused_span_is_kept_in_short() -> None:
    bad = span(span_id=b"", name="n" * 200_000, attributes=[{"key": "k", "value": {"string_value": "v" * 100_000}}])
    ((_, item),) = protobuf.decode(Signal.TRACES, traces(bad).SerializeToString()).refused
    assert len(item) < 64 * 1024
    assert json.loads(item)["traceId"] == TRACE_ID.hex()


def test_of_very_many_refused_spans_the_rest_is_a_number() -> None:
    decoded = protobuf.decode(Signal.TRACES, traces(*[span(span_id=b"")] * 1500).SerializeToString())
    assert decoded.rejected == 1500
    assert len(decoded.refused) == 1001
    assert decoded.refused[-1].reason == "500 more spans of this request have no valid ids"


@pytest.mark.parametrize("signal", Signal)
def test_an_empty_request_holds_nothing(signal: Signal) -> None:
    assert protobuf.decode(signal, b"") == (b"", 0, (), {})


def test_items_are_spans_records_and_points() -> None:
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics
    metric.add().gauge.data_points.add()
    metric.add(summary={"data_points": [{}, {}]})
    metric.add()
    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.extend([LogRecord(), LogRecord()])
    assert protobuf.decode(Signal.METRICS, metrics.SerializeToString()).items == 3
    assert protobuf.decode(Signal.LOGS, logs.SerializeToString()).items == 2
    assert protobuf.decode(Signal.TRACES, traces(span(), span()).SerializeToString()).items == 2


def test_a_log_record_with_odd_ids_is_kept() -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(trace_id=b"short", span_id=bytes(8))
    assert stored(Signal.LOGS, request) == request


@pytest.mark.parametrize("signal", Signal)
@given(body=st.binary(max_size=200))
def test_bytes_that_are_no_request_are_refused_and_nothing_worse_happens(signal: Signal, body: bytes) -> None:
    with suppress(BadRequest):
        protobuf.decode(signal, body)


def test_a_request_that_is_cut_off_is_refused() -> None:
    body = traces(span(name="a name")).SerializeToString()
    with pytest.raises(BadRequest, match="not an ExportTraceServiceRequest in protobuf"):
        protobuf.decode(Signal.TRACES, body[:-3])


def test_json_sent_as_protobuf_is_refused() -> None:
    with pytest.raises(BadRequest, match="not an ExportTraceServiceRequest in protobuf"):
        protobuf.decode(Signal.TRACES, MessageToJson(traces(span())).encode())
