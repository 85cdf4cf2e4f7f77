-- Picks the spans that say something of a record. Most have no attribute of ours at all, which is looked at first.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.record_spans_mv TO spanhouse.record_spans AS
SELECT TenantId, Timestamp, Duration, TraceId, SpanId, ServiceName, StatusCode, StatusMessage, ResourceAttributes, SpanAttributes, IngestedAt
FROM spanhouse.otel_traces
WHERE arrayExists(
    key -> startsWith(key, 'spanhouse.') AND match(key, '^spanhouse[.](?:(?:session|task|output)[.]|agent[.]type$)'),
    mapKeys(SpanAttributes)
);
