-- One row is a day of an agent, for one service, client account and engagement: what it attempted, how that went, what it used.
-- An execution counts wholly on the day on which it began, in SPANHOUSE_TIMEZONE. Tasks are executions of agents and workflows.
-- Calls, tokens and cost are the executions' own, never their totals, and those of implicit executions count too (under the agent's
-- name that these have, mostly ''): the sum over rows is everything, once.
-- Written by the settling, anew from all executions of an agent's day whenever one of them changed; read by everybody, with FINAL.
CREATE TABLE IF NOT EXISTS spanhouse.agent_performance_daily
(
    tenant_id LowCardinality(String) CODEC(ZSTD(1)),
    -- Date32, because an execution may claim to have begun at any time.
    date Date32 CODEC(Delta, ZSTD(1)),
    client_account_id LowCardinality(String) CODEC(ZSTD(1)),
    engagement_id LowCardinality(String) CODEC(ZSTD(1)),
    service_name LowCardinality(String) CODEC(ZSTD(1)),
    agent_name LowCardinality(String) CODEC(ZSTD(1)),

    -- Those that have not ended are attempted, and nothing else yet.
    tasks_attempted UInt64 CODEC(T64, ZSTD(1)),
    tasks_completed UInt64 CODEC(T64, ZSTD(1)),
    tasks_failed UInt64 CODEC(T64, ZSTD(1)),
    tasks_cancelled UInt64 CODEC(T64, ZSTD(1)),
    -- 0 to 100, of those that completed or failed: what somebody cancelled did neither. NULL where there is none.
    success_rate Nullable(Float64) CODEC(ZSTD(1)),
    -- Of tasks that have ended, however they did.
    avg_duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    p50_duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    p95_duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    p99_duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    -- In seconds.
    average_duration Nullable(Float64) ALIAS avg_duration_ms / 1000,
    -- Of tasks that say how sure they are.
    avg_confidence Nullable(Float64) CODEC(ZSTD(1)),
    average_confidence Nullable(Float64) ALIAS avg_confidence,

    -- Of models that answer; embeddings apart, in calls as in tokens.
    total_llm_calls UInt64 CODEC(T64, ZSTD(1)),
    failed_llm_calls UInt64 CODEC(T64, ZSTD(1)),
    embedding_calls UInt64 CODEC(T64, ZSTD(1)),
    tool_calls UInt64 CODEC(T64, ZSTD(1)),
    tool_failures UInt64 CODEC(T64, ZSTD(1)),
    -- Disjoint: a token is in one bucket. NULL where nobody reported any.
    input_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cache_read_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cache_write_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    output_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    reasoning_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    embedding_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    -- Of the first five buckets.
    total_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    -- Where it is known; as many calls have no price.
    cost_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    unpriced_calls UInt64 CODEC(T64, ZSTD(1)),
    -- Of this row: they cannot be added up over rows.
    distinct_users UInt64 CODEC(T64, ZSTD(1)),
    distinct_sessions UInt64 CODEC(T64, ZSTD(1)),

    -- When it was counted, in microseconds; of several rows of one key the greatest counts.
    version UInt64 CODEC(Delta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (tenant_id, date, agent_name, service_name, client_account_id, engagement_id)
SETTINGS
    index_granularity = 1024,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
