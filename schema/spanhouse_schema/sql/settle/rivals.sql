-- The spans that tell of a response that several traces tell of, one of the stretch among them. (An id that more than a hundred share is
-- none: tests and caches answer with constants.)
SELECT * EXCEPT IngestedAt, cityHash64(TraceId, SpanId, StartedAt) AS Hash
FROM spanhouse.response_ids
WHERE (TenantId, ResponseId) IN
(
    SELECT TenantId, ResponseId
    FROM spanhouse.response_ids
    WHERE (TenantId, ResponseId) IN
    (
        SELECT TenantId, ResponseId
        FROM spanhouse.agent_spans
        WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch) AND Kind = 'model' AND notEmpty(ResponseId)
    )
    GROUP BY TenantId, ResponseId
    HAVING uniqExact(TraceId) BETWEEN 2 AND 100
)
-- Of one that came in several states, the latest.
ORDER BY EndedAt DESC, StartedAt DESC, Signature DESC, Model DESC, InputTokens DESC, OutputTokens DESC
LIMIT 1 BY TenantId, ResponseId, TraceId, SpanId;
