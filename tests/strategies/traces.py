"""Hypothesis strategies for trace requests."""

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from tests.strategies.values import any_ids, attributes, enums, ids, resources, scopes, several, texts, times, uint32


def requests(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[ExportTraceServiceRequest]:
    """Trace requests whose attributes have `values`; now and then a span has an id that is none."""
    scope_spans = st.builds(ScopeSpans, scope=scopes(values), spans=several(_spans(values), 3), schema_url=texts)
    resource_spans = st.builds(
        ResourceSpans, resource=resources(values), scope_spans=several(scope_spans, 2), schema_url=texts
    )
    return st.builds(ExportTraceServiceRequest, resource_spans=several(resource_spans, 2))


def _spans(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[Span]:
    event = st.builds(
        Span.Event,
        time_unix_nano=times,
        name=texts,
        attributes=attributes(values),
        dropped_attributes_count=uint32,
    )
    link = st.builds(
        Span.Link,
        trace_id=any_ids(16),
        span_id=any_ids(8),
        trace_state=texts,
        attributes=attributes(values),
        flags=uint32,
    )
    return st.builds(
        Span,
        trace_id=st.one_of(*[ids(16)] * 4, any_ids(16)),
        span_id=st.one_of(*[ids(8)] * 4, any_ids(8)),
        trace_state=texts,
        parent_span_id=any_ids(8),
        flags=uint32,
        name=texts,
        kind=enums(0, 1, 2, 3, 4, 5),
        start_time_unix_nano=times,
        end_time_unix_nano=times,
        attributes=attributes(values),
        dropped_attributes_count=uint32,
        events=st.lists(event, max_size=2),
        dropped_events_count=uint32,
        links=st.lists(link, max_size=2),
        dropped_links_count=uint32,
        status=st.none() | st.builds(Status, message=texts, code=enums(0, 1, 2)),
    )
