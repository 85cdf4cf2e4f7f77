-- One row is how far a `spanhouse rebuild` has come that nobody has finished yet, so that another one goes on there; and what it has
-- changed until then.
-- Written and read by the rebuild.
CREATE TABLE IF NOT EXISTS spanhouse.rebuild_progress
(
    -- Whose traces; '' is everybody's.
    TenantId LowCardinality(String),
    -- Of which day, or which trace; both empty for all.
    Day String,
    TraceId String,
    -- What figures depend on beside raw rows: prices, the time zone, our own version.
    Basis UInt64,
    -- The traces up to here are done, in hex.
    UpTo String,
    IsDone UInt8,
    Traces UInt64,
    Changed UInt64,
    Priced Int64,
    UsdBefore Decimal(38, 12),
    UsdAfter Decimal(38, 12),

    At DateTime64(6) DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(At)
ORDER BY (TenantId, Day, TraceId)
SETTINGS
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
