-- One row is a limit that holds now: what was spent in its day, week or month so far, what is left, and what an agent should do. Read by
-- agents before they run, by SREs, and by `spanhouse budgets list`.
CREATE OR REPLACE VIEW spanhouse.budget_verdicts AS
SELECT
    tenant_id,
    scope,
    scope_id,
    period,
    window_start,
    any(limits.limit_usd) AS limit_usd,
    budget_used(sum(day.CostUSD), sum(day.Priced), sum(day.Unpriced)) AS used_usd,
    budget_remaining(limit_usd, used_usd) AS remaining_usd,
    toUInt64(sum(day.Unpriced)) AS unpriced_calls,
    budget_verdict(limit_usd, used_usd, unpriced_calls) AS verdict
FROM spanhouse.budget_limits_now AS limits
LEFT JOIN
(
    SELECT TenantId, Scope, ScopeId, Day, sum(sums.CostUSD) AS CostUSD, sum(sums.Priced) AS Priced, sum(sums.Unpriced) AS Unpriced
    FROM spanhouse.spend_sums AS sums
    WHERE Day >= toDate32(now(), {timezone:String}) - 31
        -- Of the users and sessions there are many, and few have limits: this is a fourteenth of the work without it.
        AND (Scope = 'tenant' OR (Scope, ScopeId) IN (SELECT scope, scope_id FROM spanhouse.budget_limits))
    GROUP BY TenantId, Scope, ScopeId, Day
) AS day ON day.TenantId = limits.tenant_id AND day.Scope = limits.scope AND day.ScopeId = limits.scope_id
    AND day.Day >= limits.window_start AND day.Day <= limits.date
GROUP BY tenant_id, scope, scope_id, period, window_start;
