-- Tombstones for the calls and executions that traces had when they were last settled, and have no more. They are written before
-- the rows, and carry no fingerprint: what breaks off half way is done again.
INSERT INTO spanhouse.agent_calls (TenantId, TraceId, SpanId, Version, IsDeleted)
SELECT TenantId, TraceId, SpanId, changed.Version, 1
FROM spanhouse.agent_calls FINAL
INNER JOIN changed USING (TenantId, TraceId)
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed WHERE LastVersion > 0)
    AND (TenantId, TraceId, SpanId) NOT IN (SELECT TenantId, TraceId, CountedId FROM counted WHERE NOT IsRun);

INSERT INTO spanhouse.agent_executions_by_agent (TenantId, TraceId, ExecutionId, AgentName, StartedAt, Version, IsDeleted)
SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt, changed.Version, 1
FROM listed
INNER JOIN changed USING (TenantId, TraceId)
WHERE (TenantId, TraceId, ExecutionId, AgentName, StartedAt) NOT IN (SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt FROM stored);

INSERT INTO spanhouse.agent_spend (TenantId, Day, TraceId, ExecutionId, Version, IsDeleted)
SELECT TenantId, Day, TraceId, ExecutionId, changed.Version, 1
FROM (SELECT DISTINCT TenantId, TraceId, ExecutionId, Day FROM listed ARRAY JOIN Days AS Day) AS place
INNER JOIN changed USING (TenantId, TraceId)
WHERE (TenantId, TraceId, ExecutionId, Day) NOT IN (SELECT TenantId, TraceId, ExecutionId, Day FROM spent);

INSERT INTO spanhouse.agent_executions (TenantId, TraceId, ExecutionId, Version, IsDeleted)
SELECT TenantId, TraceId, ExecutionId, changed.Version, 1
FROM spanhouse.agent_executions FINAL
INNER JOIN changed USING (TenantId, TraceId)
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed WHERE LastVersion > 0)
    AND (TenantId, TraceId, ExecutionId) NOT IN (SELECT TenantId, TraceId, ExecutionId FROM stored);
