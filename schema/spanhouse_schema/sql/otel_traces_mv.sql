-- Flattens OTLP trace requests into one row a span.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otel_traces_mv TO spanhouse.otel_traces AS
SELECT
    otlp_time(span.start_time_unix_nano) AS Timestamp,
    otlp_trace_id(span.trace_id) AS TraceId,
    otlp_span_id(span.span_id) AS SpanId,
    otlp_span_id(span.parent_span_id) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(span.kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], '') AS SpanKind,
    ResourceAttributes['service.name'] AS ServiceName,
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    otlp_attributes(span.attributes) AS SpanAttributes,
    span.end_time_unix_nano - span.start_time_unix_nano AS Duration,
    transform(span.status.code, [0, 1, 2], ['Unset', 'Ok', 'Error'], '') AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(unix_nano -> otlp_time(unix_nano), span.events.time_unix_nano) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arrayMap(attributes -> otlp_attributes(attributes), span.events.attributes) AS `Events.Attributes`,
    arrayMap(id -> otlp_trace_id(id), span.links.trace_id) AS `Links.TraceId`,
    arrayMap(id -> otlp_span_id(id), span.links.span_id) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arrayMap(attributes -> otlp_attributes(attributes), span.links.attributes) AS `Links.Attributes`,
    TenantId,
    IngestedAt,
    span.flags AS TraceFlags,
    ScopeAttributes,
    ResourceSchemaUrl,
    ScopeSchemaUrl,
    span.dropped_attributes_count AS DroppedAttributesCount,
    span.dropped_events_count AS DroppedEventsCount,
    span.dropped_links_count AS DroppedLinksCount
FROM
(
    SELECT
        TenantId,
        IngestedAt,
        ResourceAttributes,
        ResourceSchemaUrl,
        scope_spans.scope.name AS ScopeName,
        scope_spans.scope.version AS ScopeVersion,
        otlp_attributes(scope_spans.scope.attributes) AS ScopeAttributes,
        scope_spans.schema_url AS ScopeSchemaUrl,
        arrayJoin(scope_spans.spans) AS span
    FROM
    (
        SELECT
            TenantId,
            IngestedAt,
            otlp_attributes(resource_spans.resource.attributes) AS ResourceAttributes,
            resource_spans.schema_url AS ResourceSchemaUrl,
            arrayJoin(resource_spans.scope_spans) AS scope_spans
        FROM
        (
            SELECT
                tenant AS TenantId,
                toDateTime64(otlp_time(received_unix_nano), 3) AS IngestedAt,
                arrayJoin(request.resource_spans) AS resource_spans
            FROM spanhouse.otlp_traces
        )
    )
);
