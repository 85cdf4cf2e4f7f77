-- One row is a pattern that SQL found in one day of an agent's runs and calls: what it is, how sure that is, in which traces it shows.
-- Written by the discovery, anew from the runs and calls of a day whenever one of them changed; read, with FINAL, by the view
-- agent_discovered_patterns, where the days of a pattern are one row. It stays when the raw rows go: evidence is not forgotten.
CREATE TABLE IF NOT EXISTS spanhouse.found_patterns
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    -- In SPANHOUSE_TIMEZONE.
    Day Date32 CODEC(Delta, ZSTD(1)),
    -- The same whenever and wherever it is found: feedback, references and other days' evidence meet under it.
    PatternId String DEFAULT lower(hex(sipHash128(toString(TenantId), toString(Type), toString(AgentName), Subject))) CODEC(ZSTD(1)),
    -- tool_failing, repeated_call, cost_off, duration_off, sequence_before_failure.
    Type LowCardinality(String) CODEC(ZSTD(1)),
    -- Whose runs or calls show it; empty for calls that no agent made.
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    -- The tool, or the tools in their order; empty for what is about runs as a whole.
    Subject String CODEC(ZSTD(1)),
    Name String CODEC(ZSTD(1)),
    Description String CODEC(ZSTD(1)),
    -- From 0 to 1, by the rule that each type says.
    Confidence Float64 CODEC(ZSTD(1)),
    -- The first 20 trace ids; and how many there are.
    Evidence Array(String) CODEC(ZSTD(1)),
    EvidenceCount UInt64 CODEC(T64, ZSTD(1)),
    InsightType LowCardinality(String)
        DEFAULT transform(toString(Type), ['repeated_call', 'cost_off', 'duration_off'], ['efficiency', 'cost', 'performance'], 'reliability') CODEC(ZSTD(1)),
    -- Where all of the evidence is of one.
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),
    -- When the last of its evidence on this day began.
    At DateTime64(9) CODEC(Delta, ZSTD(1)),

    -- When it was found, in microseconds; of several rows of one key the greatest counts.
    Version UInt64 CODEC(Delta, ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (TenantId, Day, PatternId)
SETTINGS
    index_granularity = 1024,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
