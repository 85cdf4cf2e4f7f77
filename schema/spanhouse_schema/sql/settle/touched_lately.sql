-- The agents and days whose executions were changed lately by settlings of others: of another process, which counts a day without
-- seeing what we are writing, as we do without seeing what it is writing; of ourselves before something broke off. And their scopes.
INSERT INTO touched
SELECT DISTINCT TenantId, AgentName, toDate32(StartedAt, {timezone:String}) AS Day
FROM spanhouse.listed_executions
WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64}) AND Settler != {settler:String};

INSERT INTO spent_on
SELECT DISTINCT TenantId, Day, scope.1 AS Scope, scope.2 AS ScopeId
FROM
(
    SELECT TenantId, Day, budget_scopes([toString(AgentName)], Users, Sessions) AS Scopes
    FROM spanhouse.listed_executions
    ARRAY JOIN Days AS Day
    WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64}) AND Settler != {settler:String}
)
ARRAY JOIN Scopes AS scope;
