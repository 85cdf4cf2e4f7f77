-- One row is a limit that holds now, and the window of days that it is for. Every tenant has one for a day: of whom nothing was said, the
-- default one. Read by agent_budget and budget_verdicts.
CREATE OR REPLACE VIEW spanhouse.budget_limits_now AS
SELECT
    tenant_id,
    scope,
    scope_id,
    period,
    toDate32(now(), {timezone:String}) AS date,
    multiIf(period = 'week', toDate32(toMonday(date)), period = 'month', toDate32(toStartOfMonth(date)), date) AS window_start,
    if(last.is_cleared, budget_default(), last.usd) AS limit_usd
FROM
(
    SELECT
        tenant_id, scope, scope_id, period,
        argMax(CAST((limit_usd, is_cleared), 'Tuple(usd Nullable(Decimal(38, 12)), is_cleared Bool)'), valid_from) AS last
    FROM
    (
        SELECT tenant_id, scope, scope_id, period, valid_from, limit_usd, is_cleared FROM spanhouse.budget_limits
        UNION ALL
        SELECT tenant_id, 'tenant', '', 'day', toDateTime64(0, 6, 'UTC'), budget_default(), false
        FROM
        (
            SELECT DISTINCT TenantId AS tenant_id FROM spanhouse.spend_sums WHERE Scope = 'tenant'
            UNION DISTINCT
            SELECT tenant_id FROM spanhouse.budget_limits
            UNION DISTINCT
            -- Whoever reads has a budget, though they have never sent anything.
            SELECT substring(getSetting('log_comment'), 8) WHERE startsWith(getSetting('log_comment'), 'tenant:')
        )
    )
    GROUP BY tenant_id, scope, scope_id, period
    HAVING NOT last.is_cleared OR (scope = 'tenant' AND period = 'day')
);
