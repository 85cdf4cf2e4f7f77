-- The models that somebody has said the price of, for the tenants of those that prices are asked of.
SELECT DISTINCT tenant_id AS TenantId, provider AS Provider, model AS Model
FROM spanhouse.model_prices
WHERE tenant_id IN (SELECT TenantId FROM models) AND source = 'user';
