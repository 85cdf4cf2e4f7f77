-- Where something stands of the traces of the stretch that nothing knows of: nobody listed it there. The settling takes back what is listed
-- and not so.
SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt
FROM spanhouse.agent_executions_by_agent FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch);
