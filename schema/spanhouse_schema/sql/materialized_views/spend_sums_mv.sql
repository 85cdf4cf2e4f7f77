-- Adds up what was spent, by day, in each scope that it counts in.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.spend_sums_mv TO spanhouse.spend_sums AS
SELECT
    TenantId,
    scope.1 AS Scope,
    Day,
    scope.2 AS ScopeId,
    sum(Sign) AS Entries,
    sum(Sign * arraySum(Spent.CostUSD)) AS CostUSD,
    sum(Sign * toInt64(length(Spent))) AS Priced,
    sum(Sign * toInt64(entry.Unpriced)) AS Unpriced,
    sum(Sign * if(Scope = 'agent', entry.Runs, entry.Invocations)) AS Invocations,
    sum(Sign * entry.CyclesStarted) AS CyclesStarted,
    sum(Sign * entry.CyclesCompleted) AS CyclesCompleted
FROM spanhouse.daily_ledger AS entry
ARRAY JOIN budget_scopes([toString(AgentName)], [UserId], [SessionId]) AS scope
WHERE Entry != 'run'
GROUP BY TenantId, Scope, Day, ScopeId;
