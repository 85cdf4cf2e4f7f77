-- Flattens OTLP logs requests into one row a record. A record without a time of its own takes the observed one.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otel_logs_mv TO spanhouse.otel_logs AS
SELECT
    otlp_time(if(record.time_unix_nano = 0, record.observed_time_unix_nano, record.time_unix_nano)) AS Timestamp,
    otlp_trace_id(record.trace_id) AS TraceId,
    otlp_span_id(record.span_id) AS SpanId,
    toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
    record.severity_text AS SeverityText,
    toUInt8(record.severity_number) AS SeverityNumber,
    ResourceAttributes['service.name'] AS ServiceName,
    otlp_texts([record.body])[1] AS Body,
    ResourceSchemaUrl,
    ResourceAttributes,
    ScopeSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    otlp_attributes(record.attributes) AS LogAttributes,
    record.event_name AS EventName,
    TenantId,
    IngestedAt
FROM
(
    SELECT
        TenantId,
        IngestedAt,
        ResourceAttributes,
        ResourceSchemaUrl,
        scope_logs.scope.name AS ScopeName,
        scope_logs.scope.version AS ScopeVersion,
        otlp_attributes(scope_logs.scope.attributes) AS ScopeAttributes,
        scope_logs.schema_url AS ScopeSchemaUrl,
        arrayJoin(scope_logs.log_records) AS record
    FROM
    (
        SELECT
            TenantId,
            IngestedAt,
            otlp_attributes(resource_logs.resource.attributes) AS ResourceAttributes,
            resource_logs.schema_url AS ResourceSchemaUrl,
            arrayJoin(resource_logs.scope_logs) AS scope_logs
        FROM
        (
            SELECT
                tenant AS TenantId,
                toDateTime64(otlp_time(received_unix_nano), 3) AS IngestedAt,
                arrayJoin(request.resource_logs) AS resource_logs
            FROM spanhouse.otlp_logs
        )
    )
);
