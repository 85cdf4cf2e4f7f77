-- The executions that stand there of the stretch.
SELECT TenantId, TraceId, ExecutionId
FROM spanhouse.agent_executions FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch);
