-- One row is a trace that could not be settled: since when, and why at the last attempt. Its executions and calls stay as they were. It is
-- tried again once anything of it comes, and by itself after a minute, two, four and so on, up to an hour. Of one that could be settled since, the row is deleted.
-- Written by the settling; read by `spanhouse doctor` and by the machine's owner.
CREATE TABLE IF NOT EXISTS spanhouse.set_aside_traces
(
    TenantId LowCardinality(String),
    TraceId String,
    Reason String,
    At DateTime64(3) DEFAULT now64(3),
    -- Of the last attempt, in microseconds; of several rows of one trace the greatest counts.
    Version UInt64,
    IsDeleted UInt8
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (TenantId, TraceId)
SETTINGS
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
