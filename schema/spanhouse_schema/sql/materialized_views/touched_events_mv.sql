-- What an agent says of a run while it runs has its trace settled too. One that names no trace is a trace of its own.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.touched_events_mv TO spanhouse.touched_traces AS
SELECT TenantId, if(notEmpty(TraceId), TraceId, ExecutionId) AS TraceId, now64(3) AS At, toUInt32(count()) AS Spans
FROM spanhouse.execution_events
WHERE startsWith(EventName, 'spanhouse.execution.') AND notEmpty(ExecutionId)
GROUP BY TenantId, TraceId;
