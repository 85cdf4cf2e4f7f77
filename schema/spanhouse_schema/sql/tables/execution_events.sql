-- One row is one lifecycle event: what an agent says of itself while it runs, which its spans cannot (OTLP carries ended ones).
-- Written by execution_events_mv from the log records whose event name begins with `spanhouse.`; never changed. Read by
-- whatever shows live state, and by analysts.
-- An event may come twice, in two requests or by two ways, and has the same EventId then: read it once with
-- `LIMIT 1 BY TenantId, EventId`.
CREATE TABLE IF NOT EXISTS spanhouse.execution_events
(
    TenantId LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    -- 16 hex digits, the span id of the run; lower case
    ExecutionId String CODEC(ZSTD(1)),
    ParentExecutionId String CODEC(ZSTD(1)),
    -- What the sender calls it, otherwise a hash of its time, ids, name, body and attributes, and of its resource's
    EventId String CODEC(ZSTD(1)),
    -- Lower case; an alias as it was said
    EventName LowCardinality(String) CODEC(ZSTD(1)),
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    IngestedAt DateTime64(3) DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),

    -- created, queued, running, blocked, paused, completed, failed, cancelled; empty where the event does not state one
    Status LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    -- human, tool, rate_limit, budget, agent, other
    WaitingFor LowCardinality(String) CODEC(ZSTD(1)),
    -- From 0 to 1
    Progress Nullable(Float64) CODEC(ZSTD(1)),
    TasksTotal Nullable(UInt64) CODEC(ZSTD(1)),
    TasksCompleted Nullable(UInt64) CODEC(ZSTD(1)),
    -- How long after Timestamp the execution counts as alive without another event
    ExpiresInSeconds Nullable(Float64) CODEC(ZSTD(1)),
    Outcome String CODEC(ZSTD(1)),
    -- From 0 to 1
    ConfidenceScore Nullable(Float64) CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) CODEC(ZSTD(1)),
    ErrorMessage String CODEC(ZSTD(1)),

    AgentId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    AgentVersion LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    ClientAccountId String CODEC(ZSTD(1)),
    EngagementId String CODEC(ZSTD(1)),
    CaseId String CODEC(ZSTD(1)),
    FlowId String CODEC(ZSTD(1)),

    TaskId String CODEC(ZSTD(1)),
    TaskName String CODEC(ZSTD(1)),
    TaskType LowCardinality(String) CODEC(ZSTD(1)),
    TaskDescription String CODEC(ZSTD(1)),
    -- The words of Status, of the task
    TaskStatus LowCardinality(String) CODEC(ZSTD(1)),
    MemoryMb Nullable(Float64) CODEC(ZSTD(1)),

    Body String CODEC(ZSTD(1)),
    -- The record's own attributes, as they came, without those that a column above holds as text
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_execution_id ExecutionId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_timestamp Timestamp TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (TenantId, TraceId, ExecutionId, Timestamp)
SETTINGS
    ttl_only_drop_parts = 1,
    materialize_ttl_recalculate_only = 1,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
