-- One row is a setting that belongs to this installation, not to one process of it: retention_days, sql_audit_retention_days, timezone,
-- default_budget_usd. One that has no row has its default.
-- Written by the commands that run an installation, where its operator says so; read whenever one is opened.
CREATE TABLE IF NOT EXISTS spanhouse.installation
(
    name LowCardinality(String) CODEC(ZSTD(1)),
    value String CODEC(ZSTD(1)),
    changed_at DateTime64(6, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY name
SETTINGS
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
