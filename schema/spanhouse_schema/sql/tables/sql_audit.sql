-- One row is one statement that the SQL door was asked to run: by whom, what became of it, and what it cost.
-- Written by the SQL door of the embedded engine; read by the machine's owner, and closed to tenants.
CREATE TABLE IF NOT EXISTS spanhouse.sql_audit
(
    StartedAt DateTime64(3) CODEC(Delta, ZSTD(1)),
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    -- As `spanhouse keys list` shows it; empty for the machine's owner and for a request without a key
    KeyId LowCardinality(String) CODEC(ZSTD(1)),
    Scope LowCardinality(String) CODEC(ZSTD(1)),
    QueryId String CODEC(ZSTD(1)),
    -- As it came, up to 16 KiB; bytes that are not UTF-8 are U+FFFD
    Statement String CODEC(ZSTD(1)),
    -- done, denied (the door's gate refused it), queued out (too many were running), failed (ClickHouse refused it)
    -- or cancelled (the client went)
    Verdict LowCardinality(String) CODEC(ZSTD(1)),
    -- Which rule of the gate denied it, empty otherwise
    Rule LowCardinality(String) CODEC(ZSTD(1)),
    -- ClickHouse's, 0 when there was no error
    ErrorCode Int32 CODEC(ZSTD(1)),
    ReadRows UInt64 CODEC(ZSTD(1)),
    ReadBytes UInt64 CODEC(ZSTD(1)),
    ResultRows UInt64 CODEC(ZSTD(1)),
    ResultBytes UInt64 CODEC(ZSTD(1)),
    DurationMs Float64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(StartedAt)
ORDER BY (TenantId, StartedAt)
SETTINGS
    ttl_only_drop_parts = 1,
    materialize_ttl_recalculate_only = 1,
    -- Every INSERT is one entry a day that it touches: a replay within the last 10,000 of them is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
