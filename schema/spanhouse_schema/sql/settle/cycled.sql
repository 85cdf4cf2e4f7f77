-- The scopes and days of the sessions that something was said of lately: all days on which they began, or may have seemed to.
INSERT INTO spent_on
SELECT DISTINCT TenantId, Day, scope.1 AS Scope, scope.2 AS ScopeId
FROM
(
    SELECT
        TenantId,
        toDate32(assumeNotNull(Moment), {timezone:String}) AS Day,
        budget_scopes([toString(AgentName)], [UserId], [SessionId]) AS Scopes
    FROM spanhouse.agent_cycles
    ARRAY JOIN [StartedAt, CompletedAt, OutcomeAt] AS Moment
    WHERE isNotNull(Moment) AND (TenantId, SessionId) IN
    (
        SELECT TenantId, SessionId FROM spanhouse.agent_cycles WHERE TouchedAt >= now64(3) - toIntervalMillisecond({within_ms:UInt64})
    )
)
ARRAY JOIN Scopes AS scope;
