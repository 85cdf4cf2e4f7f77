-- One row is one span, record, point or request that was refused, or stored with a doubt, and the reason.
-- Written by the ingest_errors_*_mv from what the receiver took out, and by the loader for dead letters; read by whoever misses something.
CREATE TABLE IF NOT EXISTS spanhouse.ingest_errors
(
    IngestedAt DateTime64(3) DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    TenantId LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
    -- traces, logs or metrics
    Signal LowCardinality(String) CODEC(ZSTD(1)),
    Reason String CODEC(ZSTD(1)),
    -- What was refused, as JSON text; empty when it was stored or is a dead letter
    Item String CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    -- SHA-256 of the request as it came, in hex: the name of its dead letter
    Digest String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (TenantId, IngestedAt)
SETTINGS
    ttl_only_drop_parts = 1,
    materialize_ttl_recalculate_only = 1,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
