-- The scopes and days of the sessions that something was said of lately: every day on which one may have seemed to begin or to be
-- completed, with everybody whose it may have seemed to be.
INSERT INTO spent_on
SELECT DISTINCT TenantId, each.1 AS Day, each.2 AS Scope, each.3 AS ScopeId
FROM
(
    SELECT
        TenantId,
        groupUniqArrayArray(arrayMap(
            moment -> toDate32(assumeNotNull(moment), {timezone:String}),
            arrayFilter(moment -> isNotNull(moment), [StartedAt, CompletedAt, OutcomeAt])
        )) AS Days,
        budget_scopes(groupUniqArray(toString(AgentName)), groupUniqArray(UserId), [SessionId]) AS Scopes
    FROM spanhouse.agent_cycles
    WHERE (TenantId, SessionId) IN
        (SELECT TenantId, SessionId FROM spanhouse.agent_cycles WHERE TouchedAt >= now64(3) - toIntervalMillisecond({within_ms:UInt64}))
    GROUP BY TenantId, SessionId
)
ARRAY JOIN arrayFlatten(arrayMap(day -> arrayMap(scope -> (day, scope.1, scope.2), Scopes), Days)) AS each;
