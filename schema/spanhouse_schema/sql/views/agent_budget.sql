-- One row is a tenant's day: what it might spend, what it has spent, what is left. There is one for today before anything was spent.
-- Read by analysts, and by agents that ask before they run. `date` is the day in SPANHOUSE_TIMEZONE.
CREATE OR REPLACE VIEW spanhouse.agent_budget AS
SELECT
    tenant_id,
    date,
    limit_usd,
    used_usd,
    remaining_usd,
    unpriced_calls,
    invocations,
    cycles_started,
    cycles_completed,
    over_50_at,
    over_80_at,
    over_100_at,
    budget_verdict(limit_usd, used_usd, unpriced_calls) AS verdict
FROM spanhouse.tenant_budget_daily;
