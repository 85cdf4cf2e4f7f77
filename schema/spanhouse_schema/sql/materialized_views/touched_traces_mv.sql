-- The time is taken when the rows are inserted. That it differs in a replay does no harm: deduplication goes by the token.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.touched_traces_mv TO spanhouse.touched_traces AS
SELECT TenantId, TraceId, now64(3) AS At, toUInt32(count()) AS Spans
FROM spanhouse.agent_spans
GROUP BY TenantId, TraceId;
