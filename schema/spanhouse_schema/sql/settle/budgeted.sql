-- The rows of these scopes and days as they were counted last, tombstones too.
INSERT INTO budgeted
SELECT *
FROM spanhouse.agent_budget_daily
WHERE (tenant_id, scope, date, scope_id) IN (SELECT TenantId, Scope, Day, ScopeId FROM spent_on)
ORDER BY tenant_id, scope, date, scope_id, version DESC
LIMIT 1 BY tenant_id, scope, date, scope_id;
