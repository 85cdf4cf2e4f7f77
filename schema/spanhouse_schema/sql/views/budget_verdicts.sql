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
    -- NULL where nothing that was used has a price, 0 where nothing was used.
    if(countIf(notEmpty(day.scope)) > 0, sumOrNull(day.used_usd), toDecimal128(0, 12)) AS used_usd,
    budget_remaining(limit_usd, used_usd) AS remaining_usd,
    sum(day.unpriced_calls) AS unpriced_calls,
    budget_verdict(limit_usd, used_usd, unpriced_calls) AS verdict
FROM spanhouse.budget_limits_now AS limits
LEFT JOIN
(
    SELECT *
    FROM spanhouse.agent_budget_daily FINAL
    WHERE date >= toDate32(now(), {timezone:String}) - 31
        -- Of the users and sessions there are many, and few have limits: this is a fourteenth of the work without it.
        AND (scope = 'tenant' OR (scope, scope_id) IN (SELECT scope, scope_id FROM spanhouse.budget_limits))
) AS day ON day.tenant_id = limits.tenant_id AND day.scope = limits.scope AND day.scope_id = limits.scope_id
    AND day.date >= limits.window_start AND day.date <= limits.date
GROUP BY tenant_id, scope, scope_id, period, window_start;
