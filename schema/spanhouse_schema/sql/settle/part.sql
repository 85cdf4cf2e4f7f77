-- The spans again, with what they belong to.
CREATE TEMPORARY TABLE part AS
SELECT
    *,
    -- Whether no other span of the same thing is below.
    (TenantId, TraceId, SpanId) NOT IN (SELECT TenantId, TraceId, TwinId FROM place WHERE notEmpty(TwinId)) AS IsInnermost
FROM span
INNER JOIN place USING (TenantId, TraceId, SpanId);
