-- Which traces had spans come, and when they were inserted (not when they were received: after an outage those are hours
-- apart). It only nominates traces for the settling of executions; what is stored decides whether they changed.
-- Written by touched_traces_mv, one row a trace and INSERT; read by the settling.
CREATE TABLE IF NOT EXISTS spanhouse.touched_traces
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    At DateTime64(3) CODEC(Delta, ZSTD(1)),
    Spans UInt32 CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(At)
ORDER BY At
TTL toDateTime(At) + INTERVAL 2 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
