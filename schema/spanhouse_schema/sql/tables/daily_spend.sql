-- One row is what one execution spent itself on one day, and when: an entry of the ledger in another order, or one that takes it back.
-- Written by daily_spend_mv; read by agent_budget_daily, which says when the limits of agents, users and sessions were reached.
CREATE TABLE IF NOT EXISTS spanhouse.daily_spend
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    ExecutionId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    Spent Array(Tuple(At DateTime64(0, 'UTC'), CostUSD Decimal(38, 12))) CODEC(ZSTD(1)),
    EntryId FixedString(16) CODEC(ZSTD(1)),
    Sign Int32 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree(Sign)
ORDER BY (TenantId, Day, TraceId, ExecutionId, EntryId)
SETTINGS
    index_granularity = 2048,
    -- A block may be like an earlier one and no replay: what was taken back is so again.
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;
