-- What was said of runs in the traces to look at, each event once. One that names no trace is a trace of its own.
SELECT * EXCEPT TraceId, if(notEmpty(TraceId), TraceId, ExecutionId) AS TraceId
FROM spanhouse.execution_events
WHERE startsWith(EventName, 'spanhouse.execution.') AND notEmpty(ExecutionId)
    AND TraceId IN (SELECT TraceId FROM candidate UNION ALL SELECT '')
    AND (TenantId, if(notEmpty(TraceId), TraceId, ExecutionId)) IN (SELECT TenantId, TraceId FROM candidate)
ORDER BY Timestamp
LIMIT 1 BY TenantId, EventId;
