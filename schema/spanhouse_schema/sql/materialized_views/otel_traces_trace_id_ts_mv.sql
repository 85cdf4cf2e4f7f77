-- One row a trace and INSERT. Times that a DateTime cannot hold are clamped to its ends: wrapped, one odd span would
-- hide the others of its trace, or stretch the time that a lookup reads.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.otel_traces_trace_id_ts_mv TO spanhouse.otel_traces_trace_id_ts AS
SELECT
    TraceId,
    toDateTime(greatest(least(min(Timestamp), toDateTime64('2106-02-07 06:28:14', 9, 'UTC')), toDateTime64(0, 9, 'UTC'))) AS Start,
    toDateTime(greatest(least(max(Timestamp), toDateTime64('2106-02-07 06:28:14', 9, 'UTC')), toDateTime64(0, 9, 'UTC'))) AS End,
    TenantId,
    max(IngestedAt) AS IngestedAt
FROM spanhouse.otel_traces
WHERE TraceId != ''
GROUP BY TenantId, TraceId;
