-- One row is one counted call of a model, an embedding or a tool, however many spans tell of it (a wrapper, a second
-- instrumentation, the same response in another trace): its id is the outermost of their ids, the others are in MergedIds.
-- Written by the settling; read, with FINAL, by the views llm_calls and agent_actions.
CREATE TABLE IF NOT EXISTS spanhouse.agent_calls
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    MergedIds Array(String) CODEC(ZSTD(1)),
    -- model, embedding, tool.
    Kind LowCardinality(String) CODEC(ZSTD(1)),
    ExecutionId String CODEC(ZSTD(1)),
    RootExecutionId String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    -- Of the execution: what calls say of their agent is wrong in places.
    AgentId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),
    StartedAt DateTime64(9) CODEC(Delta, ZSTD(1)),
    EndedAt Nullable(DateTime64(9)) CODEC(ZSTD(1)),
    DurationMs Nullable(Float64) CODEC(ZSTD(1)),
    Success Bool CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) CODEC(ZSTD(1)),
    ErrorMessage String CODEC(ZSTD(1)),
    Provider LowCardinality(String) CODEC(ZSTD(1)),
    RequestModel LowCardinality(String) CODEC(ZSTD(1)),
    ResponseModel LowCardinality(String) CODEC(ZSTD(1)),
    ResponseId String CODEC(ZSTD(1)),
    -- Attempts before the one that counts, where an instrumentation shows them.
    Retries UInt32 CODEC(T64, ZSTD(1)),
    -- Disjoint: a token is in one bucket. NULL is unknown, 0 is none.
    InputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    CacheReadTokens Nullable(UInt64) CODEC(ZSTD(1)),
    CacheWriteTokens Nullable(UInt64) CODEC(ZSTD(1)),
    OutputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    ReasoningTokens Nullable(UInt64) CODEC(ZSTD(1)),
    -- Whether what its span says of the cached, of the reasoning, contradicts itself or leaves open if the whole includes it: then these are
    -- the likelier numbers.
    InputTokensInconsistent Bool CODEC(ZSTD(1)),
    OutputTokensInconsistent Bool CODEC(ZSTD(1)),
    -- What of that has other prices, by the names of genai-prices: audio, images, cache writes for an hour; and web searches.
    UsageParts Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    ServiceTier LowCardinality(String) CODEC(ZSTD(1)),
    -- What the span reports, otherwise what its tokens come to at the prices of its time. NULL is unknown.
    CostUSD Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    -- reported, computed, partial (some of its tokens have no price or are in doubt), unpriced; empty where there is nothing to price.
    CostSource LowCardinality(String) CODEC(ZSTD(1)),
    ReportedCostUSD Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    ComputedCostUSD Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    ToolName LowCardinality(String) CODEC(ZSTD(1)),
    ToolCallId String CODEC(ZSTD(1)),
    ToolArgumentsPreview String CODEC(ZSTD(1)),
    ToolResultPreview String CODEC(ZSTD(1)),

    -- When it was settled, in microseconds; of several rows of one call the greatest counts.
    Version UInt64 CODEC(Delta, ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_started_at StartedAt TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
-- No partitions: a later version of a row may have another day, and rows of two partitions never replace each other.
ORDER BY (TenantId, TraceId, SpanId)
SETTINGS
    index_granularity = 2048,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
