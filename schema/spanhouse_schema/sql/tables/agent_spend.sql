-- One row is what one execution spent itself on one day, in SPANHOUSE_TIMEZONE: budgets count a call on the day on which it began,
-- while agent_performance_daily counts an execution wholly on the day on which that one began. There is a row for that day in any case.
-- Written by the settling, before agent_executions; read, with FINAL, when days of budgets are counted.
CREATE TABLE IF NOT EXISTS spanhouse.agent_spend
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    ExecutionId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    -- 1 where it is a run of an agent or workflow that began on this day; and where nothing else started that run.
    Runs UInt8 CODEC(ZSTD(1)),
    Invocations UInt8 CODEC(ZSTD(1)),
    -- What has a price: calls, or the run itself where it alone says what was used.
    Spent Array(Tuple(At DateTime64(0, 'UTC'), CostUSD Decimal(38, 12))) CODEC(ZSTD(1)),
    -- What has none.
    Unpriced UInt32 CODEC(T64, ZSTD(1)),

    -- When it was settled, in microseconds; of several rows of one key the greatest counts.
    Version UInt64 CODEC(Delta, ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (TenantId, Day, TraceId, ExecutionId)
SETTINGS
    index_granularity = 2048,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
