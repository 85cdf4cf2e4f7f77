-- One row is a part of what an agent did on a day, for one service, client account and engagement: the rows of a key add up.
-- Written by performance_sums_mv, and by the settling, which counts participants; read by agent_performance_daily.
CREATE TABLE IF NOT EXISTS spanhouse.performance_sums
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),

    Executions SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Tasks SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Completed SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Failed SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Cancelled SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    -- Of tasks that have ended, and how many these are.
    DurationNs SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    Ended SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    -- How many took how long. Bucket n holds durations of up to 1.02 to the power of n milliseconds, so that its middle is within 1 % of
    -- each; -32768 holds those of no time.
    DurationBuckets SimpleAggregateFunction(sumMap, Map(Int16, Int64)) CODEC(ZSTD(1)),
    ConfidenceScore SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)),
    Confident SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ToolCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    FailedToolCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ModelCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    FailedModelCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    EmbeddingCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    UnpricedCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    -- A sum, and how many models of executions it is known of.
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
    CostUSDKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    -- As they were counted last in daily_participants: when (Unix microseconds), and how many users and sessions.
    Participants SimpleAggregateFunction(max, Tuple(UInt64, UInt64, UInt64)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId)
SETTINGS
    index_granularity = 1024,
    -- A block may be like an earlier one and no replay: what was taken back is so again.
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;
