"""OTLP/protobuf as it comes to a receiver: checked, its nested values spelled, spans without valid ids taken out."""

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, EncodeError

from spanhouse_collector.otlp.any_value_json import spell_bytes
from spanhouse_collector.otlp.decoded import NO_SPAN, NO_TRACE, Decoded, Refusals, span_text, why_refused
from spanhouse_collector.otlp.descriptors import request_classes
from spanhouse_collector.signal import Signal
from spanhouse_web.errors import BadRequest

# The classes are built when the process starts, and have no static types: hence `Any` below.
_REQUESTS: dict[Signal, Any] = request_classes()
_LARGE_SPAN = 64 * 1024


def decode(signal: Signal, body: bytes) -> Decoded:
    """Return the request that `body` is, ready to be stored.

    Raises `BadRequest` when `body` is not the signal's export request, or when a value nests too deeply.
    """
    request = _parse(signal, body)
    payload = _serialize(request)
    if signal is Signal.TRACES:
        spans = _count_identified(request)
        return Decoded(payload, spans) if spans is not None else _without_unidentified(request)
    return Decoded(payload, _count_records(request) if signal is Signal.LOGS else _count_points(request))


def _parse(signal: Signal, body: bytes) -> Any:
    kind = _REQUESTS[signal]
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise BadRequest(f"the body is not an {kind.DESCRIPTOR.name} in protobuf: {error}") from error


def _serialize(request: Any) -> bytes:
    # Canonical bytes: ClickHouse stores '' for a scalar that an odd client wrote twice. It costs 0.5 µs a span, a
    # third of what asking `IsInitialized` would, and answers the same question.
    try:
        return request.SerializeToString()  # type: ignore[no-any-return]
    except EncodeError:
        _spell_nested(request)
        return request.SerializeToString()  # type: ignore[no-any-return]


def _spell_nested(request: Any) -> None:
    for path in _nested_values(request):
        value = _at(request, path)
        value.string_value = spell_bytes(value.SerializePartialToString())


def _nested_values(request: Any) -> dict[str, None]:
    # resource_spans[0].scope_spans[0].spans[2].attributes[5].value.array_value.values[1].kvlist_value.never
    return {
        path.partition(".array_value")[0].partition(".kvlist_value")[0]: None
        for path in request.FindInitializationErrors()
    }


def _at(message: Any, path: str) -> Any:
    for step in path.split("."):
        name, _, index = step.partition("[")
        message = getattr(message, name)
        if index:
            message = message[int(index.removesuffix("]"))]
    return message


def _count_identified(request: Any) -> int | None:
    """Return the number of spans; None as soon as one has no valid ids. The one loop over every span there is."""
    spans = 0
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                trace_id, span_id = span.trace_id, span.span_id
                if len(trace_id) != 16 or len(span_id) != 8 or trace_id == NO_TRACE or span_id == NO_SPAN:
                    return None
            spans += len(scope.spans)
    return spans


def _without_unidentified(request: Any) -> Decoded:
    refusals = Refusals()
    spans = 0
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            kept = [span for span in scope.spans if _is_kept(span, refusals)]
            if len(kept) < len(scope.spans):
                del scope.spans[:]
                scope.spans.extend(kept)
            spans += len(kept)
    return Decoded(request.SerializeToString(), spans, refusals.listed(), refusals.reasons)


def _is_kept(span: Any, refusals: Refusals) -> bool:
    reason = why_refused(span.trace_id, span.span_id)
    if reason is not None:
        refusals.add(reason, lambda: _text(span))
    return reason is None


def _text(span: Any) -> str:
    if span.ByteSize() > _LARGE_SPAN:
        for repeated in (span.attributes, span.events, span.links):
            del repeated[:]
    fields = MessageToDict(span, use_integers_for_enums=True)
    for message, values in ((span, fields), *zip(span.links, fields.get("links", ()), strict=True)):
        for name, json_name in (("trace_id", "traceId"), ("span_id", "spanId"), ("parent_span_id", "parentSpanId")):
            if json_name in values:
                values[json_name] = getattr(message, name).hex()
    return span_text(fields)


def _count_records(request: Any) -> int:
    return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)


def _count_points(request: Any) -> int:
    return sum(
        len(getattr(metric, kind).data_points)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if (kind := metric.WhichOneof("data"))
    )
