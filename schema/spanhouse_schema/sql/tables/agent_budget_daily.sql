-- One row is what was spent on a day in one scope: by a tenant, by one of its agents, users or sessions. What it might have spent by
-- the limit for a day, and when it first reached half of that, 80 percent, all of it. Calls count on the day on which they began, in
-- SPANHOUSE_TIMEZONE. Agents spend what they spend themselves, without those that they start: a tenant's agents sum up to its spend.
-- Written by the settling, anew from all that was spent in that scope on that day, whenever some of it changed, and when a limit was
-- set; read by everybody, with FINAL. agent_budget is the tenants' rows of it; budget_verdicts says what is left now.
CREATE TABLE IF NOT EXISTS spanhouse.agent_budget_daily
(
    tenant_id LowCardinality(String) CODEC(ZSTD(1)),
    -- tenant, agent, user, session
    scope LowCardinality(String) CODEC(ZSTD(1)),
    date Date32 CODEC(Delta, ZSTD(1)),
    -- The agent's name, the user's or session's id; '' for the tenant.
    scope_id String CODEC(ZSTD(1)),

    -- NULL is no limit.
    limit_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    -- Where it is known; NULL where nothing that was used has a price, 0 where nothing was used.
    used_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    remaining_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    -- Of calls, and of runs that alone say what they used: how many have no price.
    unpriced_calls UInt64 CODEC(T64, ZSTD(1)),
    -- Of an agent its runs that began, otherwise the runs that no other run started.
    invocations UInt64 CODEC(T64, ZSTD(1)),
    -- Sessions that something was said of.
    cycles_started UInt64 CODEC(T64, ZSTD(1)),
    cycles_completed UInt64 CODEC(T64, ZSTD(1)),
    -- By the limit that held then; once, whatever the limit became later.
    over_50_at Nullable(DateTime64(0, 'UTC')) CODEC(ZSTD(1)),
    over_80_at Nullable(DateTime64(0, 'UTC')) CODEC(ZSTD(1)),
    over_100_at Nullable(DateTime64(0, 'UTC')) CODEC(ZSTD(1)),

    -- When it was counted, in microseconds; of several rows of one key the greatest counts.
    version UInt64 CODEC(Delta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (tenant_id, scope, date, scope_id)
SETTINGS
    index_granularity = 1024,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
