"""The extremes of every number in OTLP, found in the protobuf descriptors: what a newer OTLP adds is among them.

Each request here is a normal one, but for one number in it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanhouse_schema.conventions import spellings
from tests.reference import REQUESTS, Request

_INT32, _UINT32 = (-(2**31), -1, 0, 2**31 - 1), (0, 1, 2**32 - 1)
_INT64, _UINT64 = (-(2**63), -1, 0, 2**53 + 1, 2**63 - 1), (0, 1, 2**63 - 1, 2**63, 2**64 - 1)
_DOUBLES = (0.0, -0.0, -1.0, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, float("nan"), float("inf"))
_FLOATS = (0.0, -1.0, 3.4028234663852886e38, float("nan"), float("-inf"))
EXTREMES: Mapping[int, Sequence[float]] = {
    **dict.fromkeys((FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32), _INT32),
    **dict.fromkeys((FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64), _INT64),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), _UINT32),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), _UINT64),
    FieldDescriptor.TYPE_ENUM: _INT32,
    FieldDescriptor.TYPE_DOUBLE: _DOUBLES,
    FieldDescriptor.TYPE_FLOAT: _FLOATS,
}
"""The extremes of each type that is a number."""
_TEXTS = ("1e308", "-1e308", "NaN", "Infinity", "18446744073709551615", "18446744073709551616", "-1", "1e-13", "")
_BEGAN_NS = 1_790_000_000_000_000_000
_MS = 1_000_000
OWN = (
    *(f"spanhouse.execution.{name}" for name in ("progress", "tasks_total", "tasks_completed", "expires_in")),
    *("spanhouse.execution.confidence", "spanhouse.memory_mb", "spanhouse.cost_usd"),
    *("spanhouse.session.metric.epochs", "spanhouse.trigger.budget_used_usd", "spanhouse.pattern.confidence"),
    "spanhouse.feedback.score",
)
"""Numbers that our own attributes hold."""

Path = tuple[FieldDescriptor, ...]


def requests(signal: str) -> list[Request]:
    """A request for each extreme of each number in a signal's messages, and of what attributes are read as numbers."""
    paths = numbers(REQUESTS[signal].DESCRIPTOR)
    built = [_with(signal, number, path, value) for number, (path, value) in enumerate(_valued(paths), 1)]
    built += _attributed(signal, len(built) + 1)
    return [*built, *_SIDE_BY_SIDE[signal](len(built) + 1)]


def numbers(message: Descriptor, above: Path = ()) -> Iterator[Path]:
    """The way to each field below that is a number; no message is gone into inside itself."""
    for field in message.fields:
        if field.type in EXTREMES:
            yield (*above, field)
        elif field.message_type and field.message_type not in {message, *(step.message_type for step in above)}:
            yield from numbers(field.message_type, (*above, field))


def normal(signal: str, number: int, attributes: Mapping[str, Any] | None = None) -> Request:
    """A request of one item: a call of a model, an event of a run, a gauge. Its ids are made of the number."""
    trace_id, span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
    began = _BEGAN_NS + number * _MS
    if signal == "traces":
        said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", **(attributes or _USAGE)}
        span = Span(trace_id=trace_id, span_id=span_id, name="chat", attributes=_attributes(said))
        span.start_time_unix_nano, span.end_time_unix_nano = began, began + _MS
        return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])
    if signal == "logs":
        record = LogRecord(trace_id=trace_id, span_id=span_id, event_name="spanhouse.execution.running")
        record.attributes.extend(_attributes(attributes or {"spanhouse.execution.progress": 0.5}))
        record.time_unix_nano = record.observed_time_unix_nano = began
        return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])])
    point = NumberDataPoint(as_int=number, time_unix_nano=began, start_time_unix_nano=began)
    metric = Metric(name=f"m{number}", gauge=Gauge(data_points=[point]))
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[metric])])]
    )


def together(signal: str, some: Iterable[Request]) -> Request:
    """All of these as one request."""
    request = REQUESTS[signal]()
    for each in some:
        request.MergeFrom(each)  # type: ignore[arg-type]  # of one signal
    return request


_USAGE = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}


def _valued(paths: Iterable[Path]) -> Iterator[tuple[Path, float]]:
    for path in paths:
        for value in EXTREMES[path[-1].type]:
            yield path, value


def _with(signal: str, number: int, path: Path, value: float) -> Request:
    """A normal request, but for the number at the end of the path."""
    request = normal(signal, number)
    message: Message = request
    for step in path[:-1]:
        held = getattr(message, step.name)
        if step.name == "attributes":
            message = held.add(key="extreme")
        else:
            message = (held[0] if len(held) else held.add()) if step.is_repeated else held
    if path[-1].is_repeated:
        del getattr(message, path[-1].name)[:]
        getattr(message, path[-1].name).extend([value, value])
    else:
        setattr(message, path[-1].name, value)
    return request


def _attributed(signal: str, first: int) -> Iterator[Request]:
    keys = _READ_AS_NUMBERS[signal]
    values = [*_INT64, *_DOUBLES, *_TEXTS]
    for number, (key, value) in enumerate(((key, value) for key in keys for value in values), first):
        yield normal(signal, number, {key: value})


def _calls_of_one_run(first: int) -> Iterator[Request]:
    """Calls of one run, whose own span never comes, that begin and end at all extremes of a time."""
    for number, (start, end) in enumerate(product(_UINT64, _UINT64), first):
        request = normal("traces", number)
        assert isinstance(request, ExportTraceServiceRequest)
        span = request.resource_spans[0].scope_spans[0].spans[0]
        span.trace_id, span.parent_span_id = first.to_bytes(16, "big"), b"\xff" * 8
        span.start_time_unix_nano, span.end_time_unix_nano = start, end
        yield request


def _events_of_one_run(first: int) -> Iterator[Request]:
    """What is said of one run at all extremes of a time, at each of them that it goes on and that it has ended."""
    for time, status in product(_UINT64, ("running", "completed")):
        request = normal("logs", first)
        assert isinstance(request, ExportLogsServiceRequest)
        record = request.resource_logs[0].scope_logs[0].log_records[0]
        record.time_unix_nano, record.event_name = time, f"spanhouse.execution.{status}"
        yield request


_SIDE_BY_SIDE: Mapping[str, Callable[[int], Iterable[Request]]] = {
    "traces": _calls_of_one_run,
    "logs": _events_of_one_run,
    "metrics": lambda _: (),
}
_READ_AS_NUMBERS: Mapping[str, Sequence[str]] = {
    "traces": sorted({each.attribute for each in spellings() if each.concept.endswith(("Tokens", "USD"))} | set(OWN)),
    "logs": OWN,
    "metrics": (),
}


def _attributes(said: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in said.items()]


def _value(value: object) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=float(str(value)))
