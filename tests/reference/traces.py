"""Trace requests as rows of `otel_traces`."""

from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tests.reference.ids import does_not_fit, span_id, time, trace_id, wrapped
from tests.reference.values import attributes

_KINDS = {0: "Unspecified", 1: "Internal", 2: "Server", 3: "Client", 4: "Producer", 5: "Consumer"}
_STATUSES = {0: "Unset", 1: "Ok", 2: "Error"}


def rows(request: ExportTraceServiceRequest) -> dict[str, list[dict[str, Any]]]:
    """One row a span, without those that `refusals` names."""
    return {"otel_traces": [_row(*found) for found in _spans(request) if not _is_refused(found[2])]}


def refusals(request: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    """What `ingest_errors` says of the spans that a receiver must not accept; `Item` is what tells which it was."""
    return [
        {
            "Reason": _why_refused(span),
            "TraceId": "",
            "SpanId": "",
            "Item": {"traceId": span.trace_id.hex(), "spanId": span.span_id.hex(), "name": span.name},
        }
        for _, _, span in _spans(request)
        if _is_refused(span)
    ]


def wrapped_times(request: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    """What `ingest_errors` says of times that wrapped, of spans' starts and of events, and of ends that are none."""
    kept = [span for _, _, span in _spans(request) if not _is_refused(span)]
    starts = [
        wrapped(span.start_time_unix_nano, span.trace_id, span.span_id)
        for span in kept
        if does_not_fit(span.start_time_unix_nano)
    ]
    events = [
        wrapped(event.time_unix_nano) for span in kept for event in span.events if does_not_fit(event.time_unix_nano)
    ]
    ends = [
        {"Item": "", "Reason": why, "TraceId": trace_id(span.trace_id), "SpanId": span_id(span.span_id)}
        for span in kept
        if (why := _why_endless(span))
    ]
    return starts + ends + events


def _spans(request: ExportTraceServiceRequest) -> Iterator[tuple[ResourceSpans, ScopeSpans, Span]]:
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield of_resource, of_scope, span


def _is_refused(span: Span) -> bool:
    return bool(_why_refused(span))


def _why_refused(span: Span) -> str:
    if not trace_id(span.trace_id):
        return "the trace id is zero" if len(span.trace_id) == 16 else "the trace id is not 16 bytes"
    if not span_id(span.span_id):
        return "the span id is zero" if len(span.span_id) == 8 else "the span id is not 8 bytes"
    return ""


def _why_endless(span: Span) -> str:
    """What keeps a span from having an end, and so a duration; '' where it has one."""
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    if end < start:
        return f"the span ends before it begins: duration 0: {end}" if end else "the span has no end: duration 0"
    return f"end out of range: duration 0: {end}" if does_not_fit(end) else ""


def _row(of_resource: ResourceSpans, of_scope: ScopeSpans, span: Span) -> dict[str, Any]:
    resource = attributes(of_resource.resource.attributes)
    return {
        "Timestamp": time(span.start_time_unix_nano),
        "TraceId": trace_id(span.trace_id),
        "SpanId": span_id(span.span_id),
        "ParentSpanId": span_id(span.parent_span_id),
        "TraceState": span.trace_state,
        "SpanName": span.name,
        "SpanKind": _KINDS.get(span.kind, ""),
        "ServiceName": resource.get("service.name", ""),
        "ResourceAttributes": resource,
        "ScopeName": of_scope.scope.name,
        "ScopeVersion": of_scope.scope.version,
        "SpanAttributes": attributes(span.attributes),
        "Duration": span.end_time_unix_nano - span.start_time_unix_nano if not _why_endless(span) else 0,
        "StatusCode": _STATUSES.get(span.status.code, ""),
        "StatusMessage": span.status.message,
        "Events.Timestamp": [time(event.time_unix_nano) for event in span.events],
        "Events.Name": [event.name for event in span.events],
        "Events.Attributes": [attributes(event.attributes) for event in span.events],
        "Links.TraceId": [trace_id(link.trace_id) for link in span.links],
        "Links.SpanId": [span_id(link.span_id) for link in span.links],
        "Links.TraceState": [link.trace_state for link in span.links],
        "Links.Attributes": [attributes(link.attributes) for link in span.links],
        "TraceFlags": span.flags,
        "ScopeAttributes": attributes(of_scope.scope.attributes),
        "ResourceSchemaUrl": of_resource.schema_url,
        "ScopeSchemaUrl": of_scope.schema_url,
        "DroppedAttributesCount": span.dropped_attributes_count,
        "DroppedEventsCount": span.dropped_events_count,
        "DroppedLinksCount": span.dropped_links_count,
        "EndIsKnown": not _why_endless(span),
    }
