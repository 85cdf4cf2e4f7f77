-- As little of each trace's spans as tells whether anything changed: a hash of them, whether any of them counts, and when the first came.
SELECT
    TenantId,
    TraceId,
    -- A hash of NULL is NULL, and a sum leaves it out.
    sum(cityHash64(SpanId, ParentSpanId, Kind, StartedAt, ifNull(toUnixTimestamp64Nano(EndedAt), -1), IngestedAt)) AS Hash,
    toBool(max(Kind NOT IN ('other', 'chain'))) AS Counts,
    min(IngestedAt) AS CameAt
FROM spanhouse.agent_spans
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch)
GROUP BY TenantId, TraceId;
