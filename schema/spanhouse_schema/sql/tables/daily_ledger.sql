-- What counts on which day, as a ledger: one row is an entry, or takes one back. An execution has an entry for its run, on the day on which
-- it began, and one for each day on which it spent something; a session has one for the days on which it began and was completed.
-- An entry is never changed: the one that is not so any more is appended once more with Sign -1, and what is so now with Sign 1. The
-- entries in force are those whose Signs add up to 1; merges add them up.
-- Written by the settling, which appends what differs from the entries in force; read by it, and by the views behind it, which keep sums.
CREATE TABLE IF NOT EXISTS spanhouse.daily_ledger
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    -- '' of a session.
    TraceId String CODEC(ZSTD(1)),
    -- Or the session's id.
    ExecutionId String CODEC(ZSTD(1)),
    -- run, spend, session
    Entry LowCardinality(String) CODEC(ZSTD(1)),
    -- In SPANHOUSE_TIMEZONE.
    Day Date32 CODEC(Delta, ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),

    -- Of a run.
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),
    -- Whether it is of an agent or a workflow.
    IsTask Bool CODEC(ZSTD(1)),
    Status LowCardinality(String) CODEC(ZSTD(1)),
    -- Of a task that has ended.
    DurationNs Nullable(Int64) CODEC(ZSTD(1)),
    -- See performance_sums.
    DurationBucket Int16 CODEC(ZSTD(1)),
    -- Of a task.
    ConfidenceScore Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    ToolCalls UInt32 CODEC(T64, ZSTD(1)),
    FailedToolCalls UInt32 CODEC(T64, ZSTD(1)),
    -- As in agent_executions.
    Usage Array(Tuple(
        Day Date32, Provider String, Model String, ModelCalls UInt32, FailedModelCalls UInt32, EmbeddingCalls UInt32, UnpricedCalls UInt32,
        InputTokens Nullable(UInt64), CacheReadTokens Nullable(UInt64), CacheWriteTokens Nullable(UInt64), OutputTokens Nullable(UInt64),
        ReasoningTokens Nullable(UInt64), EmbeddingTokens Nullable(UInt64), CostUSD Nullable(Decimal(38, 12))
    )) CODEC(ZSTD(1)),

    -- Of spend: whether a run of an agent or workflow began on this day, and whether nothing else started that run.
    Runs UInt8 CODEC(ZSTD(1)),
    Invocations UInt8 CODEC(ZSTD(1)),
    -- What has a price: calls, or the run itself where it alone says what was used.
    Spent Array(Tuple(At DateTime64(0, 'UTC'), CostUSD Decimal(38, 12))) CODEC(ZSTD(1)),
    -- How many have none.
    Unpriced UInt32 CODEC(T64, ZSTD(1)),

    -- Of a session.
    CyclesStarted UInt8 CODEC(ZSTD(1)),
    CyclesCompleted UInt8 CODEC(ZSTD(1)),

    -- Of all the columns above but the first three: what tells an execution's entries apart.
    EntryId FixedString(16) MATERIALIZED sipHash128(tuple(
        Entry, Day, AgentName, UserId, SessionId, ServiceName, ClientAccountId, EngagementId, IsTask, Status, DurationNs, DurationBucket,
        ConfidenceScore, ToolCalls, FailedToolCalls, Usage, Runs, Invocations, Spent, Unpriced, CyclesStarted, CyclesCompleted
    )) CODEC(ZSTD(1)),
    Sign Int32 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree(Sign)
-- No partitions: a merge brings together what was appended at different times.
ORDER BY (TenantId, TraceId, ExecutionId, EntryId)
SETTINGS
    index_granularity = 1024,
    -- A block may be like an earlier one and no replay: what was taken back is so again.
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;
