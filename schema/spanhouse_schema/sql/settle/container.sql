-- Model spans around several successful ones are containers and no calls: there the innermost count. A container that alone knows
-- the tokens tells them with the last of its calls.
SELECT
    TenantId,
    TraceId,
    TopId,
    argMax(SpanId, (StartedAt, SpanId)) AS LastId,
    countIf(isNotNull(coalesce(InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens))) = 0 AS ContainerTells
FROM span
INNER JOIN
(
    SELECT TenantId, TraceId, SpanId, TopId
    FROM place
    WHERE (TenantId, TraceId, TopId) IN (SELECT TenantId, TraceId, TopId FROM place WHERE notEmpty(TwinId))
        AND (TenantId, TraceId, SpanId) NOT IN (SELECT TenantId, TraceId, TwinId FROM place WHERE notEmpty(TwinId))
) AS innermost USING (TenantId, TraceId, SpanId)
WHERE Kind IN ('model', 'embedding')
GROUP BY TenantId, TraceId, TopId
HAVING countIf(NOT Failed) > 1;
