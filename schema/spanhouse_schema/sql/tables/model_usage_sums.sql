-- One row is a part of what an agent used of one model on a day, for one service, client account and engagement: the rows of a key add up.
-- Written by model_usage_sums_mv; read by model_usage_daily.
CREATE TABLE IF NOT EXISTS spanhouse.model_usage_sums
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),
    Provider LowCardinality(String) CODEC(ZSTD(1)),
    Model LowCardinality(String) CODEC(ZSTD(1)),

    -- Of an execution, for each day on which it used the model: 0 where none does any more.
    Uses SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ModelCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    FailedModelCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    EmbeddingCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    UnpricedCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    -- A sum, and how many uses it is known of.
    InputTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    InputTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CacheReadTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    CacheReadTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CacheWriteTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    CacheWriteTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    OutputTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    OutputTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ReasoningTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    ReasoningTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    EmbeddingTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    EmbeddingTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CostUSD SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)),
    CostUSDKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1))
)
-- Not SummingMergeTree, which reads all columns where one is asked for with FINAL.
ENGINE = AggregatingMergeTree
ORDER BY (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Provider, Model)
SETTINGS
    index_granularity = 1024,
    -- A block may be like an earlier one and no replay: what was taken back is so again.
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;
