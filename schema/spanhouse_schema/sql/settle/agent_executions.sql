-- The executions of the traces that changed, and a tombstone for each that was there and is no more. First the copy by agent, then
-- the tombstones, at last the rows: these have the fingerprint, so that whatever breaks off on the way is done again.
INSERT INTO spanhouse.agent_executions_by_agent (TenantId, TraceId, ExecutionId, AgentName, StartedAt, Version, IsDeleted)
SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt, changed.Version, 1
FROM spanhouse.agent_executions FINAL
INNER JOIN changed USING (TenantId, TraceId)
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed WHERE LastVersion > 0)
    AND (TenantId, TraceId, ExecutionId, AgentName, StartedAt) NOT IN (SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt FROM stored);

INSERT INTO spanhouse.agent_executions_by_agent SELECT * FROM stored;

INSERT INTO spanhouse.agent_executions (TenantId, TraceId, ExecutionId, Version, IsDeleted)
SELECT TenantId, TraceId, ExecutionId, changed.Version, 1
FROM spanhouse.agent_executions FINAL
INNER JOIN changed USING (TenantId, TraceId)
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed WHERE LastVersion > 0)
    AND (TenantId, TraceId, ExecutionId) NOT IN (SELECT TenantId, TraceId, ExecutionId FROM stored);

INSERT INTO spanhouse.agent_executions SELECT * FROM stored;
