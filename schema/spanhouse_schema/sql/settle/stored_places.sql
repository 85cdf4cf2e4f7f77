-- Where the executions of the stretch may be listed by agent, on which days they may have spent something, and for whom: as they were
-- settled last, and as another settling meant to that broke off.
SELECT
    TenantId, TraceId, ExecutionId, AgentName, StartedAt,
    arrayDistinct(arrayConcat([toDate32(StartedAt, {timezone:String})], Usage.1)) AS Days, [UserId] AS Users, [SessionId] AS Sessions
FROM spanhouse.agent_executions FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch)
UNION ALL
SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt, Days, Users, Sessions
FROM spanhouse.listed_executions
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch);
