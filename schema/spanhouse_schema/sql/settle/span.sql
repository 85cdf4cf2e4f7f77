-- The spans of the traces that changed, whole. One that somebody says is a run is one, whatever its convention.
CREATE TEMPORARY TABLE span AS
SELECT
    * REPLACE if(Kind IN ('other', 'chain') AND (TenantId, TraceId, SpanId) IN (SELECT TenantId, TraceId, ExecutionId FROM state), 'agent', Kind) AS Kind,
    cityHash64(ScopeName, SpanName) AS Signature
FROM spanhouse.agent_spans
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed)
ORDER BY EndedAt DESC NULLS LAST, StartedAt DESC, SpanName DESC, Kind DESC, ParentSpanId DESC
LIMIT 1 BY TenantId, TraceId, SpanId;
