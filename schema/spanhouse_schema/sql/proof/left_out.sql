-- How many of the chosen traces were made of raw rows that may have gone since.
SELECT uniqExact(TenantId, TraceId)
FROM spanhouse.agent_executions FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM chosen)
    AND if(toUnixTimestamp64Milli(CameAt) > 0, toUnixTimestamp64Milli(CameAt), toInt64(intDiv(Version, 1000))) < {whole_since:Int64};
