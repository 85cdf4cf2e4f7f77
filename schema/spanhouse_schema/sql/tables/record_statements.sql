-- One row is what one span or one event says of one thing: of a session, a task, an output, a trigger, a pattern, a judgement
-- of one, or of its agent.
-- Written by record_spans_mv and record_events_mv, never changed; read by the views on these things. It is there so that they
-- read neither raw spans nor every heartbeat. It stays, as executions do, when the raw rows go: evidence is not forgotten.
-- The same statement may stand here more than once: whoever reads it takes the latest of each thing, or one row an Id.
CREATE TABLE IF NOT EXISTS spanhouse.record_statements
(
    TenantId LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
    -- session, task, output, agent; and by events alone trigger, pattern, feedback
    About LowCardinality(String) CODEC(ZSTD(1)),
    -- When it was said: a span's is its end, because a span may say it until then
    At DateTime64(9) CODEC(Delta, ZSTD(1)),
    -- The event's id, or the span's
    Id String CODEC(ZSTD(1)),
    -- The event's, in lower case; empty for a span
    EventName LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    -- The span's; the same as At for an event
    StartedAt DateTime64(9) CODEC(Delta, ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    AgentId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    AgentType LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    ClientAccountId String CODEC(ZSTD(1)),
    EngagementId String CODEC(ZSTD(1)),
    CaseId String CODEC(ZSTD(1)),
    FlowId String CODEC(ZSTD(1)),
    TaskId String CODEC(ZSTD(1)),
    -- Whether the span failed
    Failed Bool CODEC(ZSTD(1)),
    ErrorMessage String CODEC(ZSTD(1)),
    -- From 0 to 1
    ConfidenceScore Nullable(Float64) CODEC(ZSTD(1)),
    MemoryMb Nullable(Float64) CODEC(ZSTD(1)),
    -- The event's; of a span that says something of its output, that output
    Body String CODEC(ZSTD(1)),
    -- What is said: `phase` is the attribute `spanhouse.session.phase` where About is session
    Said Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    -- When the span or the event came
    IngestedAt DateTime64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (TenantId, About, At)
SETTINGS
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
