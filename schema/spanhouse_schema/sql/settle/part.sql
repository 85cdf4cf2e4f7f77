-- The spans again, with what they belong to. A span that tells of a call has the id under which that counts: that of the outermost
-- span of it, or of the innermost where the outermost is a container.
SELECT
    *,
    -- Whether no other span of the same thing is below.
    (TenantId, TraceId, SpanId) NOT IN (SELECT TenantId, TraceId, TwinId FROM place WHERE notEmpty(TwinId)) AS IsInnermost,
    Kind IN ('model', 'embedding', 'tool') AND (IsInnermost OR empty(LastId) OR (ContainerTells AND SpanId = TopId)) AS IsCall,
    multiIf(NOT IsCall, '', empty(LastId), TopId, IsInnermost, SpanId, LastId) AS CallId
FROM span
INNER JOIN place USING (TenantId, TraceId, SpanId)
LEFT JOIN container USING (TenantId, TraceId, TopId);
