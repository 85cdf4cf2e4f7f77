-- The spans that tell of a response that several traces tell of, one of these among them. (An id that more than a hundred
-- share is none: tests and caches answer with constants.)
SELECT * EXCEPT IngestedAt
FROM spanhouse.response_ids
WHERE (TenantId, ResponseId) IN
(
    SELECT TenantId, ResponseId
    FROM spanhouse.response_ids
    WHERE (TenantId, ResponseId) IN (SELECT TenantId, ResponseId FROM seen WHERE notEmpty(ResponseId))
    GROUP BY TenantId, ResponseId
    HAVING uniqExact(TraceId) BETWEEN 2 AND 100
)
LIMIT 1 BY TenantId, ResponseId, TraceId, SpanId;
