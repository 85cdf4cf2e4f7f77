-- The spans of the traces to look at, where there is anything to count among them; each once: of one that came in two states, the
-- later. As little of them as tells whether they changed.
CREATE TEMPORARY TABLE seen AS
SELECT
    TenantId, TraceId, SpanId, if(Kind = 'model', ResponseId, '') AS ResponseId,
    cityHash64(SpanId, ParentSpanId, Kind, StartedAt, EndedAt, IngestedAt) AS Hash
FROM spanhouse.agent_spans
WHERE (TenantId, TraceId) IN
(
    SELECT TenantId, TraceId FROM spanhouse.agent_spans
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM candidate) AND Kind NOT IN ('other', 'chain')
)
ORDER BY EndedAt DESC NULLS LAST, StartedAt DESC, SpanName DESC, Kind DESC, ParentSpanId DESC
LIMIT 1 BY TenantId, TraceId, SpanId;
