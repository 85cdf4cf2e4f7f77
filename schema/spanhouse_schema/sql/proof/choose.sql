-- The traces that something is stored of, or that raw rows tell of: all of them, or of a tenant, of a day, one. With how many spans, of
-- that day; a trace may stand here more than once.
WITH
    unhex({tenant:String}) = '' AS IsEverybodys,
    unhex({trace:String}) = '' AS IsAny,
    {day:String} = '' AS IsAlways,
    toDate32OrZero({day:String}) AS OnDay
SELECT TenantId, TraceId, count() AS Spans
FROM spanhouse.agent_spans
WHERE (IsEverybodys OR TenantId = unhex({tenant:String})) AND (IsAny OR TraceId = unhex({trace:String})) AND (IsAlways OR toDate32(StartedAt, {timezone:String}) = OnDay)
GROUP BY TenantId, TraceId
UNION ALL
SELECT TenantId, if(notEmpty(TraceId), TraceId, ExecutionId) AS Trace, count()
FROM spanhouse.execution_events
WHERE startsWith(EventName, 'spanhouse.execution.') AND notEmpty(ExecutionId)
    AND (IsEverybodys OR TenantId = unhex({tenant:String})) AND (IsAny OR Trace = unhex({trace:String})) AND (IsAlways OR toDate32(Timestamp, {timezone:String}) = OnDay)
GROUP BY TenantId, Trace
UNION ALL
-- What no span was read of is looked for where little is asked for; of everything, the comparison with the raw rows finds it.
SELECT DISTINCT TenantId, TraceId, 0
FROM spanhouse.otel_traces
WHERE NOT (IsAny AND IsAlways)
    AND (IsEverybodys OR TenantId = unhex({tenant:String})) AND (IsAny OR TraceId = unhex({trace:String})) AND (IsAlways OR toDate32(Timestamp, {timezone:String}) = OnDay)
UNION ALL
SELECT DISTINCT TenantId, TraceId, 0
FROM spanhouse.agent_executions
WHERE (IsEverybodys OR TenantId = unhex({tenant:String})) AND (IsAny OR TraceId = unhex({trace:String})) AND (IsAlways OR toDate32(StartedAt, {timezone:String}) = OnDay)
UNION ALL
SELECT DISTINCT TenantId, TraceId, 0
FROM spanhouse.agent_calls
WHERE (IsEverybodys OR TenantId = unhex({tenant:String})) AND (IsAny OR TraceId = unhex({trace:String})) AND (IsAlways OR toDate32(StartedAt, {timezone:String}) = OnDay)
UNION ALL
SELECT DISTINCT TenantId, TraceId, 0
FROM spanhouse.daily_ledger
WHERE notEmpty(TraceId) AND (IsEverybodys OR TenantId = unhex({tenant:String})) AND (IsAny OR TraceId = unhex({trace:String})) AND (IsAlways OR Day = OnDay)
UNION ALL
SELECT DISTINCT TenantId, TraceId, 0
FROM spanhouse.agent_executions_by_agent
WHERE (IsEverybodys OR TenantId = unhex({tenant:String})) AND (IsAny OR TraceId = unhex({trace:String})) AND (IsAlways OR toDate32(StartedAt, {timezone:String}) = OnDay);
