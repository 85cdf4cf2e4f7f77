-- The spans of the traces that changed, whole.
CREATE TEMPORARY TABLE span AS
SELECT *, cityHash64(ScopeName, SpanName) AS Signature
FROM spanhouse.agent_spans
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed)
ORDER BY EndedAt DESC NULLS LAST, StartedAt DESC, SpanName DESC, Kind DESC, ParentSpanId DESC
LIMIT 1 BY TenantId, TraceId, SpanId;
