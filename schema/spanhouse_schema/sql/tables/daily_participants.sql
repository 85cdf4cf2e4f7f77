-- One row is a user or a session of an agent's day, and in how many executions: the rows of a key add up.
-- Written by daily_participants_mv; read by the settling, which counts those that are in any.
CREATE TABLE IF NOT EXISTS spanhouse.daily_participants
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),
    -- user, session
    Role LowCardinality(String) CODEC(ZSTD(1)),
    Id String CODEC(ZSTD(1)),
    Executions Int64 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree(Executions)
ORDER BY (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Role, Id)
SETTINGS
    index_granularity = 1024,
    -- A block may be like an earlier one and no replay: what was taken back is so again.
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;
