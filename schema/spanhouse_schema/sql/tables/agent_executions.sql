-- One row is one run of an agent or a workflow, in its latest state; also the root of a trace that calls models or tools with
-- neither above them (Kind `implicit`). A call belongs to the nearest execution above it; Total… counts the executions below too.
-- Written by the settling, from a trace's spans and events; read by everybody, with FINAL.
CREATE TABLE IF NOT EXISTS spanhouse.agent_executions
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    ExecutionId String CODEC(ZSTD(1)),
    -- Empty for a top-level run. A trace's implicit execution is nobody's parent.
    ParentExecutionId String CODEC(ZSTD(1)),
    RootExecutionId String CODEC(ZSTD(1)),
    -- Span ids that tell of this same run: a wrapper, another instrumentation.
    MergedIds Array(String) CODEC(ZSTD(1)),
    Kind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    AgentId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    AgentVersion LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),
    CaseId String CODEC(ZSTD(1)),
    FlowId String CODEC(ZSTD(1)),

    Status LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    WaitingFor LowCardinality(String) CODEC(ZSTD(1)),
    StartedAt DateTime64(9) CODEC(Delta, ZSTD(1)),
    EndedAt Nullable(DateTime64(9)) CODEC(ZSTD(1)),
    DurationMs Nullable(Float64) CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) CODEC(ZSTD(1)),
    ErrorMessage String CODEC(ZSTD(1)),
    InputPreview String CODEC(ZSTD(1)),
    OutputPreview String CODEC(ZSTD(1)),
    ConfidenceScore Nullable(Float64) CODEC(ZSTD(1)),
    Outcome LowCardinality(String) CODEC(ZSTD(1)),
    -- What was last said of it by events.
    Progress Nullable(Float64) CODEC(ZSTD(1)),
    TasksTotal Nullable(UInt64) CODEC(ZSTD(1)),
    TasksCompleted Nullable(UInt64) CODEC(ZSTD(1)),
    LastEventAt Nullable(DateTime64(9)) CODEC(ZSTD(1)),
    -- Until when it counts as alive without another event.
    ExpiresAt Nullable(DateTime64(3)) CODEC(ZSTD(1)),
    -- The status as it is now: a run that nobody has heard of in time is stalled.
    StatusNow String ALIAS if(Status = 'running' AND isNull(EndedAt) AND ifNull(ExpiresAt < now64(3), false), 'stalled', toString(Status)),

    -- What it did itself. NULL tokens are unknown, not none.
    ModelCalls UInt32 CODEC(T64, ZSTD(1)),
    FailedModelCalls UInt32 CODEC(T64, ZSTD(1)),
    EmbeddingCalls UInt32 CODEC(T64, ZSTD(1)),
    ToolCalls UInt32 CODEC(T64, ZSTD(1)),
    FailedToolCalls UInt32 CODEC(T64, ZSTD(1)),
    Retries UInt32 CODEC(T64, ZSTD(1)),
    InputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    CacheReadTokens Nullable(UInt64) CODEC(ZSTD(1)),
    CacheWriteTokens Nullable(UInt64) CODEC(ZSTD(1)),
    OutputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    ReasoningTokens Nullable(UInt64) CODEC(ZSTD(1)),
    EmbeddingTokens Nullable(UInt64) CODEC(ZSTD(1)),
    CostUSD Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    -- As of its calls; of several, the least sure: computed, partial, unpriced where none has a price.
    CostSource LowCardinality(String) CODEC(ZSTD(1)),
    UnpricedCalls UInt32 CODEC(T64, ZSTD(1)),

    -- The same with every execution below it, 128 levels deep.
    TotalModelCalls UInt32 CODEC(T64, ZSTD(1)),
    TotalFailedModelCalls UInt32 CODEC(T64, ZSTD(1)),
    TotalEmbeddingCalls UInt32 CODEC(T64, ZSTD(1)),
    TotalToolCalls UInt32 CODEC(T64, ZSTD(1)),
    TotalFailedToolCalls UInt32 CODEC(T64, ZSTD(1)),
    TotalRetries UInt32 CODEC(T64, ZSTD(1)),
    TotalInputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    TotalCacheReadTokens Nullable(UInt64) CODEC(ZSTD(1)),
    TotalCacheWriteTokens Nullable(UInt64) CODEC(ZSTD(1)),
    TotalOutputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    TotalReasoningTokens Nullable(UInt64) CODEC(ZSTD(1)),
    TotalEmbeddingTokens Nullable(UInt64) CODEC(ZSTD(1)),
    TotalCostUSD Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    TotalCostSource LowCardinality(String) CODEC(ZSTD(1)),
    TotalUnpricedCalls UInt32 CODEC(T64, ZSTD(1)),

    -- What it used itself of each model on each day; where a model is not known its name is ''.
    Usage Array(Tuple(
        Day Date32, Provider String, Model String, ModelCalls UInt32, FailedModelCalls UInt32, EmbeddingCalls UInt32, UnpricedCalls UInt32,
        InputTokens Nullable(UInt64), CacheReadTokens Nullable(UInt64), CacheWriteTokens Nullable(UInt64), OutputTokens Nullable(UInt64),
        ReasoningTokens Nullable(UInt64), EmbeddingTokens Nullable(UInt64), CostUSD Nullable(Decimal(38, 12))
    )) CODEC(ZSTD(1)),

    -- When the first of its trace's spans and events came: as long as raw rows of that time are there, it can be recomputed.
    CameAt DateTime64(3) CODEC(Delta, ZSTD(1)),
    -- Of all the spans that this was made of: what decides whether the trace is to be settled again.
    Fingerprint UInt64 CODEC(ZSTD(1)),
    -- When it was settled, in microseconds; of several rows of one execution the greatest counts.
    Version UInt64 CODEC(Delta, ZSTD(1)),
    UpdatedAt DateTime64(6) ALIAS fromUnixTimestamp64Micro(toInt64(Version)),
    IsDeleted UInt8 CODEC(ZSTD(1)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_execution_id ExecutionId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_started_at StartedAt TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
-- No partitions: a later version of a row may have another day, and rows of two partitions never replace each other.
ORDER BY (TenantId, TraceId, ExecutionId)
SETTINGS
    index_granularity = 2048,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    -- A part is one file until it has 64 MB: a tenth less to write, and what is read for long is merged into wide ones.
    min_bytes_for_wide_part = 67108864;
