-- The spans of these traces: as little of each as tells whether anything changed.
SELECT
    TenantId,
    TraceId,
    SpanId,
    anyIf(ResponseId, Kind = 'model') AS ResponseId,
    max(Kind NOT IN ('other', 'chain')) AS Counts,
    toUInt32(count()) AS States,
    min(IngestedAt) AS FirstCameAt,
    -- A hash of NULL is NULL, and a sum leaves it out.
    sum(cityHash64(SpanId, ParentSpanId, Kind, StartedAt, ifNull(toUnixTimestamp64Nano(EndedAt), -1), IngestedAt)) AS Hash
FROM spanhouse.agent_spans
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM candidate)
GROUP BY TenantId, TraceId, SpanId;
