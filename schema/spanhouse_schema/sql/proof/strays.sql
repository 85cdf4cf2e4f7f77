-- Where something stands of the traces that are written anew, that nothing knows of: nobody listed it there. The settling takes back
-- what is listed and not so.
SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt, [toDate32(StartedAt, {timezone:String})] AS Days, [UserId] AS Users, [SessionId] AS Sessions
FROM spanhouse.agent_executions_by_agent FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM misplaced)
    AND (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch);

SELECT TenantId, TraceId, ExecutionId, AgentName, toDateTime64(0, 9) AS StartedAt, groupUniqArray(Day) AS Days, groupUniqArray(UserId) AS Users, groupUniqArray(SessionId) AS Sessions
FROM spanhouse.agent_spend FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch)
GROUP BY TenantId, TraceId, ExecutionId, AgentName;
