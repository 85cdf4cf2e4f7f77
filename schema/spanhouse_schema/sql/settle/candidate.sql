-- The traces to look at: those that spans or events were inserted of lately, but for the insertions that were settled already;
-- and their partners.
SELECT TenantId, TraceId, At
FROM spanhouse.touched_traces
WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64})
    AND TraceId BETWEEN unhex({first:String}) AND unhex({last:String})
    AND (TenantId, TraceId, At) NOT IN (SELECT TenantId, TraceId, At FROM finished)
UNION ALL
SELECT TenantId, TraceId, toDateTime64(0, 3) AS At
FROM partner;
