-- The rows of these days as they were counted last, tombstones too.
INSERT INTO model_used
SELECT *
FROM spanhouse.model_usage_daily
WHERE (tenant_id, date, agent_name) IN (SELECT TenantId, Day, AgentName FROM touched)
ORDER BY tenant_id, date, agent_name, service_name, client_account_id, engagement_id, provider, model, version DESC
LIMIT 1 BY tenant_id, date, agent_name, service_name, client_account_id, engagement_id, provider, model;
