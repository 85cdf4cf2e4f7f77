-- One row is what was spent on a day in one scope: by a tenant, by one of its agents, users or sessions. What it might have spent by
-- the limit for a day, and when it first reached half of that, 80 percent, all of it. Calls count on the day on which they began, in
-- SPANHOUSE_TIMEZONE. Agents spend what they spend themselves, without those that they start: a tenant's agents sum up to its spend.
-- `scope` is tenant, agent, user or session; `scope_id` the agent's name, the user's or session's id, '' for the tenant. No limit is NULL.
-- `used_usd` is NULL where nothing that was used has a price, 0 where nothing was used; as many calls, and runs that alone say what they
-- used, as `unpriced_calls` have none. `invocations` are of an agent its runs that began, otherwise the runs that no other run started;
-- cycles are sessions that something was said of. A threshold is reached once, by the limit that held then.
-- agent_budget is the tenants' rows of it; budget_verdicts says what is left now.
CREATE OR REPLACE VIEW spanhouse.agent_budget_daily AS
SELECT * EXCEPT is_counted FROM spanhouse.tenant_budget_daily WHERE is_counted
UNION ALL
SELECT
    TenantId AS tenant_id,
    Scope AS scope,
    Day AS date,
    ScopeId AS scope_id,
    budget_limit_of_day(Day, Limits) AS limit_usd,
    budget_used(CostUSD, Priced, Unpriced) AS used_usd,
    budget_remaining(limit_usd, used_usd) AS remaining_usd,
    toUInt64(Unpriced) AS unpriced_calls,
    toUInt64(Invocations) AS invocations,
    toUInt64(CyclesStarted) AS cycles_started,
    toUInt64(CyclesCompleted) AS cycles_completed,
    budget_time(Reached[1]) AS over_50_at,
    budget_time(Reached[2]) AS over_80_at,
    budget_time(Reached[3]) AS over_100_at
FROM
(
    SELECT *, budget_limits_in_force(Scope, Said) AS Limits, budget_reached(budget_moments(Day, Spent, Said), Limits, [50, 80, 100]) AS Reached
    FROM
    (
        SELECT
            TenantId, Scope, Day, ScopeId,
            sum(sums.CostUSD) AS CostUSD,
            sum(sums.Priced) AS Priced,
            sum(sums.Unpriced) AS Unpriced,
            sum(sums.Invocations) AS Invocations,
            sum(sums.CyclesStarted) AS CyclesStarted,
            sum(sums.CyclesCompleted) AS CyclesCompleted
        FROM spanhouse.spend_sums AS sums
        WHERE Scope != 'tenant'
        GROUP BY TenantId, Scope, Day, ScopeId
        HAVING sum(Entries) != 0
    ) AS spent
    LEFT JOIN
    (
        SELECT TenantId, Scope, Day, ScopeId, groupArray((Second, USD)) AS Spent
        FROM
        (
            SELECT
                TenantId, scope.1 AS Scope, Day, scope.2 AS ScopeId, toUnixTimestamp64Second(tupleElement(each, 'At')) AS Second,
                sum(Sign * tupleElement(each, 'CostUSD')) AS USD
            FROM
            (
                SELECT TenantId, Day, Spent, Sign, budget_scopes([toString(AgentName)], [UserId], [SessionId]) AS Scopes
                FROM spanhouse.daily_spend
                WHERE TenantId IN (SELECT tenant_id FROM spanhouse.budget_limits WHERE period = 'day' AND scope != 'tenant')
            )
            ARRAY JOIN Scopes AS scope
            ARRAY JOIN Spent AS each
            WHERE (TenantId, Scope, ScopeId) IN (SELECT tenant_id, scope, scope_id FROM spanhouse.budget_limits WHERE period = 'day' AND scope != 'tenant')
            GROUP BY TenantId, Scope, Day, ScopeId, Second
            HAVING sum(Sign) > 0
        )
        GROUP BY TenantId, Scope, Day, ScopeId
    ) AS moments USING (TenantId, Scope, Day, ScopeId)
    LEFT JOIN
    (
        SELECT
            tenant_id AS TenantId, scope AS Scope, scope_id AS ScopeId,
            arrayMap(
                each -> (toUnixTimestamp64Second(each.1), each.2),
                arraySort(groupArray((valid_from, if(is_cleared, NULL, limit_usd))))
            ) AS Said
        FROM spanhouse.budget_limits
        WHERE period = 'day' AND scope != 'tenant'
        GROUP BY ALL
    ) AS limits USING (TenantId, Scope, ScopeId)
);
