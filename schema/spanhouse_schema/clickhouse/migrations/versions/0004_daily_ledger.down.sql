-- Frozen, like what it takes back.

DROP VIEW IF EXISTS spanhouse.performance_sums_mv;
DROP VIEW IF EXISTS spanhouse.daily_participants_mv;
DROP VIEW IF EXISTS spanhouse.model_usage_sums_mv;
DROP VIEW IF EXISTS spanhouse.spend_sums_mv;
DROP VIEW IF EXISTS spanhouse.tenant_spend_seconds_mv;
DROP VIEW IF EXISTS spanhouse.daily_spend_mv;
DROP TABLE IF EXISTS spanhouse.daily_spend;
DROP TABLE IF EXISTS spanhouse.tenant_spend_seconds;
DROP TABLE IF EXISTS spanhouse.spend_sums;
DROP TABLE IF EXISTS spanhouse.model_usage_sums;
DROP TABLE IF EXISTS spanhouse.daily_participants;
DROP TABLE IF EXISTS spanhouse.performance_sums;
DROP TABLE IF EXISTS spanhouse.daily_ledger;
DROP TABLE IF EXISTS spanhouse.settlers;

ALTER TABLE spanhouse.listed_executions
    ADD COLUMN IF NOT EXISTS Users Array(String) CODEC(ZSTD(1)) AFTER Days,
    ADD COLUMN IF NOT EXISTS Sessions Array(String) CODEC(ZSTD(1)) AFTER Users;
