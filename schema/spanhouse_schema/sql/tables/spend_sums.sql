-- One row is a part of what was spent on a day in one scope: by a tenant, by one of its agents, users or sessions. The rows of a key add up.
-- Written by spend_sums_mv; read by the views of budgets.
CREATE TABLE IF NOT EXISTS spanhouse.spend_sums
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    -- tenant, agent, user, session
    Scope LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    -- The agent's name, the user's or session's id; '' for the tenant.
    ScopeId String CODEC(ZSTD(1)),

    -- Of the ledger: 0 where nothing happened after all.
    Entries Int64 CODEC(ZSTD(1)),
    CostUSD Decimal(38, 12) CODEC(ZSTD(1)),
    -- Calls, and runs that alone say what they used: that have a price, that have none.
    Priced Int64 CODEC(ZSTD(1)),
    Unpriced Int64 CODEC(ZSTD(1)),
    Invocations Int64 CODEC(ZSTD(1)),
    CyclesStarted Int64 CODEC(ZSTD(1)),
    CyclesCompleted Int64 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree
ORDER BY (TenantId, Scope, Day, ScopeId)
SETTINGS
    index_granularity = 1024,
    -- A block may be like an earlier one and no replay: what was taken back is so again.
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;
