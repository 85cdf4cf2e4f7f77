-- The entries of the sessions that something was said of lately, or of all: one on the day on which it began, one on the day on which it was
-- completed, or one for both.
SELECT
    TenantId, '' AS TraceId, SessionId AS ExecutionId, 'session' AS Entry, moment.1 AS Day, AgentName, UserId, SessionId,
    toUInt8(max(moment.2)) AS CyclesStarted, toUInt8(max(moment.3)) AS CyclesCompleted
FROM
(
    SELECT
        TenantId,
        SessionId,
        max(toString(agent_cycles.AgentName)) AS AgentName,
        max(agent_cycles.UserId) AS UserId,
        (toDate32(min(StartedAt), {timezone:String}), 1, 0) AS Began,
        coalesce(min(CompletedAt), min(OutcomeAt)) AS EndedAt,
        arrayMap(moment -> (toDate32(moment, {timezone:String}), 0, 1), arrayFilter(moment -> isNotNull(moment), [EndedAt])) AS Ended
    FROM spanhouse.agent_cycles
    WHERE (unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String}))
        AND ({all:UInt8} OR (TenantId, SessionId) IN
            (SELECT TenantId, SessionId FROM spanhouse.agent_cycles WHERE TouchedAt >= now64(3) - toIntervalMillisecond({within_ms:UInt64})))
    GROUP BY TenantId, SessionId
)
ARRAY JOIN arrayConcat([Began], Ended) AS moment
GROUP BY TenantId, SessionId, AgentName, UserId, Day;
