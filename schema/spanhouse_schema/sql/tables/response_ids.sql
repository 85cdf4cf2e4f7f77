-- Which spans tell of a model's response of that id: where two instrumentations tell of one call, in two traces, they meet here. Failed
-- calls have no response; they meet where they began, by process and two seconds. Log records and spans of one program meet by session
-- and ten seconds (`response_keys`).
-- Written by response_ids_mv; read by the settling of executions.
CREATE TABLE IF NOT EXISTS spanhouse.response_ids
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    ResponseId String CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    StartedAt DateTime64(9) CODEC(Delta, ZSTD(1)),
    IngestedAt DateTime64(3) CODEC(Delta, ZSTD(1)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    -- An id may have come on any day, and a new one on none: without it, each is looked for in a granule of every day.
    INDEX idx_response_id ResponseId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (TenantId, ResponseId, TraceId, SpanId)
SETTINGS
    index_granularity = 2048,
    ttl_only_drop_parts = 1,
    materialize_ttl_recalculate_only = 1,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
