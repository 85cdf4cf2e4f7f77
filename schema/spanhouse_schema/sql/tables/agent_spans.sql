-- One row is one span in our own words, whatever the convention it was written in: what it is, of whom, what it used,
-- how it ended; previews of 200 characters, never a whole payload (that is in otel_traces, under the same ids). Or it is a log record that
-- tells of a call (FromLog; it is in otel_logs).
-- Written by agent_spans_mv and logged_spans_mv; read by the settling of executions, and by whoever wants to see what a framework
-- really said.
-- The same span may stand here more than once, as it may in otel_traces: readers take one row a span id.
CREATE TABLE IF NOT EXISTS spanhouse.agent_spans
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    StartedAt DateTime64(9) CODEC(Delta, ZSTD(1)),
    -- NULL where the span ended before it began, or after what a time can hold.
    EndedAt Nullable(DateTime64(9)) CODEC(ZSTD(1)),
    IngestedAt DateTime64(3) CODEC(Delta, ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    -- A hash of what the resource says of the process that the span is of.
    Process UInt64 CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName LowCardinality(String) CODEC(ZSTD(1)),
    -- agent, workflow, chain, model, embedding, tool; anything else is other, or usage if it tells of tokens.
    Kind LowCardinality(String) CODEC(ZSTD(1)),
    -- Whether it is a log record that tells of the call; such a call counts only where no span tells of it.
    FromLog Bool CODEC(ZSTD(1)),

    AgentId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    -- Whether an attribute gave that name, not the span's own name.
    AgentNamed Bool CODEC(ZSTD(1)),
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
    Outcome LowCardinality(String) CODEC(ZSTD(1)),
    ConfidenceScore Nullable(Float64) CODEC(ZSTD(1)),
    Failed Bool CODEC(ZSTD(1)),
    Cancelled Bool CODEC(ZSTD(1)),
    -- Its status is OK, which is more than that nobody says anything.
    SaysOk Bool CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) CODEC(ZSTD(1)),
    ErrorMessage String CODEC(ZSTD(1)),

    Provider LowCardinality(String) CODEC(ZSTD(1)),
    RequestModel LowCardinality(String) CODEC(ZSTD(1)),
    ResponseModel LowCardinality(String) CODEC(ZSTD(1)),
    ResponseId String CODEC(ZSTD(1)),
    -- As the span says, NULL where it does not; the settling finds out whether a part is in the whole or beside it, since emitters differ.
    -- InputTokens are those that no cache held, OutputTokens those that no reasoning was, where the span itself tells them apart.
    InputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    CacheReadTokens Nullable(UInt64) CODEC(ZSTD(1)),
    CacheWriteTokens Nullable(UInt64) CODEC(ZSTD(1)),
    OutputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    ReasoningTokens Nullable(UInt64) CODEC(ZSTD(1)),
    WholeInputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    WholeOutputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    TotalTokens Nullable(UInt64) CODEC(ZSTD(1)),
    -- What of that has other prices, by the names of genai-prices: audio, images, cache writes for an hour; and web searches.
    UsageParts Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    ServiceTier LowCardinality(String) CODEC(ZSTD(1)),
    -- Usage under names that the conventions do not read, as far as it is news.
    UnreadUsage Array(Tuple(Name LowCardinality(String), Tokens UInt64)) CODEC(ZSTD(1)),
    ReportedCostUSD Nullable(Decimal(18, 12)) CODEC(ZSTD(1)),

    ToolName LowCardinality(String) CODEC(ZSTD(1)),
    ToolCallId String CODEC(ZSTD(1)),
    ToolArgumentsPreview String CODEC(ZSTD(1)),
    ToolResultPreview String CODEC(ZSTD(1)),
    InputPreview String CODEC(ZSTD(1)),
    OutputPreview String CODEC(ZSTD(1)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(IngestedAt)
ORDER BY (TenantId, TraceId, SpanId)
SETTINGS
    -- A settle reads a few spans of many traces, which lie anywhere: small granules keep what is read beside them small (and
    -- smaller ones still would cost each INSERT more than that saves).
    index_granularity = 2048,
    -- And small blocks what is unpacked for it: a third less to read old traces, for half a percent of disk.
    min_compress_block_size = 16384,
    ttl_only_drop_parts = 1,
    materialize_ttl_recalculate_only = 1,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    -- A part is one file until it has 64 MB: a tenth less to write, and what is read for long is merged into wide ones.
    min_bytes_for_wide_part = 67108864;
