-- Where something stands of the traces that are written anew, that nothing knows of: nobody listed it there. The settling takes back
-- what is listed and not so.
INSERT INTO listed
SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt, [toDate32(StartedAt, {timezone:String})], [UserId], [SessionId]
FROM spanhouse.agent_executions_by_agent FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM misplaced)
    AND (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed)
    AND (TenantId, TraceId, ExecutionId, AgentName, StartedAt) NOT IN (SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt FROM listed);

INSERT INTO listed
SELECT TenantId, TraceId, ExecutionId, AgentName, toDateTime64(0, 9) AS StartedAt, groupUniqArray(Day), groupUniqArray(UserId), groupUniqArray(SessionId)
FROM spanhouse.agent_spend FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed)
    AND (TenantId, TraceId, ExecutionId, Day) NOT IN (SELECT TenantId, TraceId, ExecutionId, Day FROM listed ARRAY JOIN Days AS Day)
GROUP BY TenantId, TraceId, ExecutionId, AgentName;
