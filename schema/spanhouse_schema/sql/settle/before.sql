-- What the traces of the stretch were settled from last, in every version. A settling that broke off may have written anything: it counts
-- as one whose fingerprint is nobody's.
SELECT TenantId, TraceId, Fingerprint, Version, toBool(IsDeleted) AS IsDeleted, CameAt
FROM spanhouse.agent_executions
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch)
UNION ALL
SELECT DISTINCT TenantId, TraceId, toUInt64(0), Version, true, toDateTime64(0, 3)
FROM spanhouse.listed_executions
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch);
