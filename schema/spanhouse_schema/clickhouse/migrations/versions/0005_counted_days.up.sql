-- Frozen: what changes these tables from here on is another revision.

DROP TABLE IF EXISTS spanhouse.agent_performance_daily;
DROP TABLE IF EXISTS spanhouse.model_usage_daily;
DROP TABLE IF EXISTS spanhouse.agent_budget_daily;
DROP TABLE IF EXISTS spanhouse.agent_spend;
