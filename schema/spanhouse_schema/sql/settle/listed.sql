-- Where the executions of the traces that changed are to be listed by agent, and everywhere that they may be listed: as they were
-- settled last, and as another settling meant to that broke off.
SELECT DISTINCT TenantId, TraceId, ExecutionId, AgentName, StartedAt
FROM
(
    SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt FROM stored
    UNION ALL
    SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt
    FROM spanhouse.agent_executions FINAL
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed WHERE LastVersion > 0)
    UNION ALL
    SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt
    FROM spanhouse.listed_executions
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed WHERE LastVersion > 0)
);
