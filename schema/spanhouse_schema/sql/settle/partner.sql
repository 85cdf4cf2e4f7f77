-- The other traces in which another instrumentation tells of such a response: what counts there may change too.
SELECT DISTINCT TenantId, TraceId
FROM
(
    SELECT TenantId, ResponseId, Signature AS OwnSignature, StartedAt AS OwnStart, EndedAt AS OwnEnd
    FROM rival
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM candidate)
) AS own
INNER JOIN
(
    SELECT TenantId, ResponseId, TraceId, Signature, StartedAt, EndedAt
    FROM rival
    WHERE (TenantId, TraceId) NOT IN (SELECT TenantId, TraceId FROM candidate)
) AS other USING (TenantId, ResponseId)
WHERE Signature != OwnSignature AND StartedAt <= OwnEnd + INTERVAL 2 SECOND AND OwnStart <= EndedAt + INTERVAL 2 SECOND;
