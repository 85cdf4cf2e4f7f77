-- Unfolds the log records of each resource and scope into one row a record. A record without a time of its own takes the observed one.
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
FROM spanhouse.otlp_scope_logs
ARRAY JOIN log_records AS record;
