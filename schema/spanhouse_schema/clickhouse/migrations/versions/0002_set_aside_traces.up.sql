-- Frozen: what changes this table from here on is another revision. sql/tables says what its rows are.

CREATE TABLE IF NOT EXISTS spanhouse.set_aside_traces
(
    TenantId LowCardinality(String),
    TraceId String,
    Reason String,
    At DateTime64(3) DEFAULT now64(3),
    Version UInt64,
    IsDeleted UInt8
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (TenantId, TraceId)
SETTINGS
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
