-- The spans that tell of calls, with the id under which the call counts: that of the outermost of them. Model spans around
-- several successful ones are containers and no calls: there the innermost count. A container that alone knows the tokens tells
-- them with the last of its calls.
CREATE TEMPORARY TABLE call_part AS
SELECT
    part.*,
    false AS IsRun,
    multiIf(empty(LastId), TopId, IsInnermost, SpanId, LastId) AS CountedId
FROM part
LEFT JOIN
(
    SELECT
        TenantId AS OfTenant,
        TraceId AS OfTrace,
        TopId AS OfTop,
        argMax(SpanId, (StartedAt, SpanId)) AS LastId,
        countIf(isNotNull(coalesce(InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens))) = 0 AS ContainerTells
    FROM part
    WHERE Kind IN ('model', 'embedding') AND IsInnermost
    GROUP BY TenantId, TraceId, TopId
    HAVING countIf(NOT Failed) > 1
) AS container ON OfTenant = TenantId AND OfTrace = TraceId AND OfTop = TopId
WHERE Kind IN ('model', 'embedding', 'tool') AND (IsInnermost OR empty(LastId) OR (ContainerTells AND SpanId = TopId));
