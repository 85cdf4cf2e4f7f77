-- Which spans tell of a call that several traces may tell of, one of the stretch among them, and under which key they meet. (A key that
-- more than a hundred share is none: tests and caches answer with constants, and what is down fails on and on.)
SELECT DISTINCT TenantId, ResponseId AS Key, TraceId, SpanId
FROM spanhouse.response_ids
WHERE (TenantId, ResponseId) IN
(
    SELECT TenantId, ResponseId
    FROM spanhouse.response_ids
    WHERE (TenantId, ResponseId) IN
    (
        SELECT TenantId, arrayJoin(response_keys(ResponseId, Failed, Process, StartedAt, ifNull(EndedAt, StartedAt), FromLog, ScopeName, ServiceName, SessionId))
        FROM spanhouse.agent_spans
        WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch) AND Kind = 'model'
    )
    GROUP BY TenantId, ResponseId
    HAVING uniqExact(TraceId) BETWEEN 2 AND 100
);
