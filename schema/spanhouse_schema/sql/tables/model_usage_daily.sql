-- One row is what an agent used of one model on a day, for one service, client account and engagement: calls, tokens, cost. Days and
-- keys are those of agent_performance_daily, and so the sum over models is what stands there: an execution of two models is one task
-- there and two rows here. What only a run's own span reports counts too, without calls, for nobody knows how many there were.
-- Written by the settling, anew from all executions of an agent's day whenever one of them changed; read by everybody, with FINAL.
CREATE TABLE IF NOT EXISTS spanhouse.model_usage_daily
(
    tenant_id LowCardinality(String) CODEC(ZSTD(1)),
    date Date32 CODEC(Delta, ZSTD(1)),
    client_account_id LowCardinality(String) CODEC(ZSTD(1)),
    engagement_id LowCardinality(String) CODEC(ZSTD(1)),
    service_name LowCardinality(String) CODEC(ZSTD(1)),
    agent_name LowCardinality(String) CODEC(ZSTD(1)),
    -- As spans say them: the model of the response, where there is none that of the request.
    provider LowCardinality(String) CODEC(ZSTD(1)),
    model LowCardinality(String) CODEC(ZSTD(1)),

    llm_calls UInt64 CODEC(T64, ZSTD(1)),
    failed_llm_calls UInt64 CODEC(T64, ZSTD(1)),
    embedding_calls UInt64 CODEC(T64, ZSTD(1)),
    -- Disjoint: a token is in one bucket. NULL where nobody reported any.
    input_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cache_read_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cache_write_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    output_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    reasoning_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    embedding_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    -- Where it is known; as many calls have no price.
    cost_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    unpriced_calls UInt64 CODEC(T64, ZSTD(1)),

    -- When it was counted, in microseconds; of several rows of one key the greatest counts.
    version UInt64 CODEC(Delta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (tenant_id, date, agent_name, service_name, client_account_id, engagement_id, provider, model)
SETTINGS
    index_granularity = 1024,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
