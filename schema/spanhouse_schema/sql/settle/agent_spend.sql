-- What the executions of the traces that changed spent, a day.
INSERT INTO spanhouse.agent_spend
(
    TenantId, Day, TraceId, ExecutionId, AgentName, UserId, SessionId, Runs, Invocations, Spent, Unpriced, Version, IsDeleted
)
SELECT
    TenantId, Day, TraceId, ExecutionId, AgentName, UserId, SessionId,
    BeginsThen AND Kind IN ('agent', 'workflow') AS Runs,
    Runs AND empty(ParentExecutionId) AS Invocations,
    Spent, Unpriced, Version, 0
FROM spent
INNER JOIN stored USING (TenantId, TraceId, ExecutionId)
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed);
