-- What the ledger says of the sessions that something was said of lately, or of all.
SELECT *
FROM spanhouse.daily_ledger
WHERE TraceId = '' AND (unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String}))
    AND ({all:UInt8} OR (TenantId, TraceId, ExecutionId) IN
        (SELECT TenantId, '', SessionId FROM spanhouse.agent_cycles WHERE TouchedAt >= now64(3) - toIntervalMillisecond({within_ms:UInt64})));
