-- Where the executions of the stretch may be listed by agent: as they were settled last, and as another settling meant to that broke off.
SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt
FROM spanhouse.agent_executions FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch)
UNION DISTINCT
SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt
FROM spanhouse.listed_executions
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch) AND notEmpty(ExecutionId);
