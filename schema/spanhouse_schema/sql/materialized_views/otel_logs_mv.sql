-- Unfolds the log records of each resource and scope into one row a record. A record without a time of its own takes the observed one.
-- (tupleElement: see otel_traces_mv.sql.)
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otel_logs_mv TO spanhouse.otel_logs AS
SELECT
    otlp_time(if(tupleElement(record, 'time_unix_nano') = 0, tupleElement(record, 'observed_time_unix_nano'), tupleElement(record, 'time_unix_nano'))) AS Timestamp,
    otlp_trace_id(tupleElement(record, 'trace_id')) AS TraceId,
    otlp_span_id(tupleElement(record, 'span_id')) AS SpanId,
    toUInt8(bitAnd(tupleElement(record, 'flags'), 255)) AS TraceFlags,
    tupleElement(record, 'severity_text') AS SeverityText,
    multiIf(tupleElement(record, 'severity_number') < 0, 0, tupleElement(record, 'severity_number') > 255, 0, tupleElement(record, 'severity_number')) AS SeverityNumber,
    ResourceAttributes['service.name'] AS ServiceName,
    otlp_texts([tupleElement(record, 'body')])[1] AS Body,
    ResourceSchemaUrl,
    ResourceAttributes,
    ScopeSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    otlp_attributes(tupleElement(record, 'attributes')) AS LogAttributes,
    tupleElement(record, 'event_name') AS EventName,
    TenantId,
    IngestedAt
FROM spanhouse.otlp_scope_logs
ARRAY JOIN log_records AS record;
