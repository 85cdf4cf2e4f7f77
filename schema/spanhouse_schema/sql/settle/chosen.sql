-- The traces to look at, for whoever proves or recomputes what is stored: those that it chose, between two ids; and their partners.
SELECT DISTINCT TenantId, TraceId, toDateTime64(0, 3) AS At
FROM chosen
WHERE TraceId BETWEEN unhex({first:String}) AND unhex({last:String})
UNION DISTINCT
SELECT TenantId, TraceId, toDateTime64(0, 3)
FROM partner;
