-- One row is what a tenant spent on a day, of what limit; there is one for today before anything was spent, of which `is_counted` is false.
-- Read by agent_budget, and by agent_budget_daily, whose rows of scope `tenant` they are.
CREATE OR REPLACE VIEW spanhouse.tenant_budget_daily AS
WITH
    budget_limits_in_force('tenant', Said) AS Limits,
    budget_reached(budget_moments(Day, Spent, Said), Limits, [50, 80, 100]) AS Reached
SELECT
    TenantId AS tenant_id,
    'tenant' AS scope,
    Day AS date,
    '' AS scope_id,
    budget_limit_of_day(Day, Limits) AS limit_usd,
    budget_used(USD, Prices, Lacks) AS used_usd,
    budget_remaining(limit_usd, used_usd) AS remaining_usd,
    toUInt64(Lacks) AS unpriced_calls,
    toUInt64(Invoked) AS invocations,
    toUInt64(Started) AS cycles_started,
    toUInt64(Completed) AS cycles_completed,
    budget_time(Reached[1]) AS over_50_at,
    budget_time(Reached[2]) AS over_80_at,
    budget_time(Reached[3]) AS over_100_at,
    Counted != 0 AS is_counted
FROM
(
    SELECT
        TenantId,
        Day,
        sum(Entries) AS Counted,
        sumIf(CostUSD, isNull(Second)) AS USD,
        sum(Priced) AS Prices,
        sum(Unpriced) AS Lacks,
        sum(Invocations) AS Invoked,
        sum(CyclesStarted) AS Started,
        sum(CyclesCompleted) AS Completed,
        groupArrayIf((assumeNotNull(Second), CostUSD), isNotNull(Second)) AS Spent
    FROM
    (
        SELECT
            TenantId, Day, Entries, CostUSD, Priced, Unpriced, Invocations, CyclesStarted, CyclesCompleted,
            -- 0 is a second like another: the first of 1970.
            CAST(NULL, 'Nullable(Int64)') AS Second
        FROM spanhouse.spend_sums
        WHERE Scope = 'tenant'
        UNION ALL
        SELECT TenantId, Day, 0, sum(CostUSD), 0, 0, 0, 0, 0, toUnixTimestamp64Second(At)
        FROM spanhouse.tenant_spend_seconds
        GROUP BY TenantId, Day, At
        HAVING sum(tenant_spend_seconds.Priced) > 0
        UNION ALL
        SELECT TenantId, toDate32(now(), {timezone:String}), 0, 0, 0, 0, 0, 0, 0, NULL
        FROM
        (
            SELECT DISTINCT TenantId FROM spanhouse.spend_sums WHERE Scope = 'tenant'
            UNION DISTINCT
            SELECT tenant_id FROM spanhouse.budget_limits
            UNION DISTINCT
            -- Whoever reads has a budget, though they have never sent anything.
            SELECT substring(getSetting('log_comment'), 8) WHERE startsWith(getSetting('log_comment'), 'tenant:')
        )
    )
    GROUP BY TenantId, Day
    HAVING Counted != 0 OR Day = toDate32(now(), {timezone:String})
) AS spent
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
    GROUP BY tenant_id
) AS limits USING (TenantId);
