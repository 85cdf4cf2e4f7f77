-- One row is what a tenant spent on a day, of what limit: the rows of scope `tenant` of agent_budget_daily, in its columns.
-- Read by that view and by agent_budget, which need nothing of other scopes.
CREATE OR REPLACE VIEW spanhouse.tenant_budget_daily AS
WITH
    budget_limits_in_force('tenant', Said) AS Limits,
    budget_moments(Day, Spent, Said) AS Moments
SELECT
    TenantId AS tenant_id,
    'tenant' AS scope,
    Day AS date,
    '' AS scope_id,
    budget_limit_of_day(Day, Limits) AS limit_usd,
    budget_used(CostUSD, Priced, Unpriced) AS used_usd,
    budget_remaining(limit_usd, used_usd) AS remaining_usd,
    toUInt64(Unpriced) AS unpriced_calls,
    toUInt64(Invocations) AS invocations,
    toUInt64(CyclesStarted) AS cycles_started,
    toUInt64(CyclesCompleted) AS cycles_completed,
    budget_reached_at(Moments, Limits, 50) AS over_50_at,
    budget_reached_at(Moments, Limits, 80) AS over_80_at,
    budget_reached_at(Moments, Limits, 100) AS over_100_at
FROM
(
    SELECT
        TenantId, Day,
        sum(sums.CostUSD) AS CostUSD,
        sum(sums.Priced) AS Priced,
        sum(sums.Unpriced) AS Unpriced,
        sum(sums.Invocations) AS Invocations,
        sum(sums.CyclesStarted) AS CyclesStarted,
        sum(sums.CyclesCompleted) AS CyclesCompleted
    FROM spanhouse.spend_sums AS sums
    WHERE Scope = 'tenant'
    GROUP BY TenantId, Day
    HAVING sum(Entries) != 0
) AS spent
LEFT JOIN
(
    SELECT TenantId, Day, groupArray((toUnixTimestamp64Second(At), USD)) AS Spent
    FROM (SELECT TenantId, Day, At, sum(CostUSD) AS USD FROM spanhouse.tenant_spend_seconds GROUP BY TenantId, Day, At HAVING sum(Priced) > 0)
    GROUP BY TenantId, Day
) AS moments USING (TenantId, Day)
LEFT JOIN
(
    SELECT
        tenant_id AS TenantId,
        arrayMap(
            each -> (toUnixTimestamp64Second(each.1), each.2),
            arraySort(groupArray((valid_from, if(is_cleared, budget_default(), limit_usd))))
        ) AS Said
    FROM spanhouse.budget_limits
    WHERE period = 'day' AND scope = 'tenant'
    GROUP BY ALL
) AS limits USING (TenantId);
