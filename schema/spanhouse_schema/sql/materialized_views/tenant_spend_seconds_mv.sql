-- Adds up what tenants spent, by the second.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.tenant_spend_seconds_mv TO spanhouse.tenant_spend_seconds AS
SELECT
    TenantId,
    Day,
    tupleElement(spent, 'At') AS At,
    sum(Sign) AS Priced,
    sum(Sign * tupleElement(spent, 'CostUSD')) AS CostUSD
FROM spanhouse.daily_ledger
ARRAY JOIN Spent AS spent
GROUP BY TenantId, Day, At;
