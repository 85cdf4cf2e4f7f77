-- Where the executions of the traces that changed are to be listed by agent, on which days they spent something, and for whom; and
-- everywhere that they may be listed: as they were settled last, and as another settling meant to that broke off.
SELECT
    TenantId, TraceId, ExecutionId, AgentName, StartedAt,
    groupUniqArrayArray(Days) AS Days,
    groupUniqArrayArray(Users) AS Users,
    groupUniqArrayArray(Sessions) AS Sessions
FROM
(
    SELECT
        TenantId, TraceId, ExecutionId, AgentName, StartedAt,
        arrayConcat([toDate32(StartedAt, {timezone:String})], Usage.1) AS Days, [UserId] AS Users, [SessionId] AS Sessions
    FROM stored
    UNION ALL
    SELECT
        TenantId, TraceId, ExecutionId, AgentName, StartedAt,
        arrayConcat([toDate32(StartedAt, {timezone:String})], Usage.1), [UserId], [SessionId]
    FROM spanhouse.agent_executions FINAL
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed WHERE LastVersion > 0)
    UNION ALL
    SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt, Days, Users, Sessions
    FROM spanhouse.listed_executions
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed WHERE LastVersion > 0)
)
GROUP BY TenantId, TraceId, ExecutionId, AgentName, StartedAt;
