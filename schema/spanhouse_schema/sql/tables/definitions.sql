-- One row is a function or view as it stands in the database: its name, and a hash of the text that it was last made from, with all
-- that is inlined into it. An empty hash is of one that was dropped.
-- Written and read by `migrate`, which makes again what has another hash now (clickhouse/definitions.py).
CREATE TABLE IF NOT EXISTS spanhouse.definitions
(
    -- function, materialized_view, view
    kind LowCardinality(String) CODEC(ZSTD(1)),
    name String CODEC(ZSTD(1)),
    hash String CODEC(ZSTD(1)),
    applied_at DateTime64(6, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY name
SETTINGS
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
