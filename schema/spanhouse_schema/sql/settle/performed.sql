-- The rows of these days as they were counted last, tombstones too.
INSERT INTO performed
SELECT *
FROM spanhouse.agent_performance_daily
WHERE (tenant_id, date, agent_name) IN (SELECT TenantId, Day, AgentName FROM touched)
ORDER BY tenant_id, date, agent_name, service_name, client_account_id, engagement_id, version DESC
LIMIT 1 BY tenant_id, date, agent_name, service_name, client_account_id, engagement_id;
