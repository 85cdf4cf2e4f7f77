-- The traces that several settlings were at lately. Neither saw what the other was writing, and may have written it later.
SELECT TenantId, TraceId, toUInt64(1) AS Spans
FROM spanhouse.listed_executions
WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64}) AND notEmpty(TraceId)
GROUP BY TenantId, TraceId
HAVING uniqExact(Settler) > 1;
