-- The spans of the traces that changed, whole, each once: of one that came in several states, the latest. One that events say
-- is a run is one, whatever its convention.
SELECT
    * REPLACE if(Kind IN ('other', 'chain') AND (TenantId, TraceId, SpanId) IN (SELECT TenantId, TraceId, ExecutionId FROM state), 'agent', Kind) AS Kind,
    cityHash64(ScopeName, SpanName) AS Signature
FROM
(
    SELECT * FROM spanhouse.agent_spans
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed)
        AND (TenantId, TraceId, SpanId) NOT IN (SELECT TenantId, TraceId, SpanId FROM seen WHERE States > 1)
    UNION ALL
    SELECT * FROM spanhouse.agent_spans
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed)
        AND (TenantId, TraceId, SpanId) IN (SELECT TenantId, TraceId, SpanId FROM seen WHERE States > 1)
    ORDER BY EndedAt DESC NULLS LAST, StartedAt DESC, SpanName DESC, Kind DESC, ParentSpanId DESC, toString(tuple(* EXCEPT IngestedAt)) DESC
    LIMIT 1 BY TenantId, TraceId, SpanId
);
