-- When sessions that something was said of (`spanhouse.session.*`: cycles of research) began, and when they were completed: one row is
-- what was said of one in a quarter of an hour. A session began at the least StartedAt of its rows. Least values alone, so that a
-- statement that comes twice changes nothing; and by the quarter, so that of a session that is found to have begun on another day both
-- days are known (days begin at a whole quarter of an hour everywhere).
-- Written by agent_cycles_mv; read when days of budgets are counted. (agent_sessions says all that is known of a session.)
CREATE TABLE IF NOT EXISTS spanhouse.agent_cycles
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    -- In which StartedAt and the other two lie; a span may say something long after it began.
    StartedQuarter DateTime64(0, 'UTC') CODEC(Delta, ZSTD(1)),
    SaidQuarter DateTime64(0, 'UTC') CODEC(Delta, ZSTD(1)),
    StartedAt SimpleAggregateFunction(min, DateTime64(9)) CODEC(ZSTD(1)),
    -- By its event, and since when its outcome is known.
    CompletedAt SimpleAggregateFunction(min, Nullable(DateTime64(9))) CODEC(ZSTD(1)),
    OutcomeAt SimpleAggregateFunction(min, Nullable(DateTime64(9))) CODEC(ZSTD(1)),
    -- When something was last said, by our clock.
    TouchedAt SimpleAggregateFunction(max, DateTime64(3)) CODEC(ZSTD(1)),

    INDEX idx_touched_at TouchedAt TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
ORDER BY (TenantId, SessionId, AgentName, UserId, StartedQuarter, SaidQuarter)
SETTINGS
    index_granularity = 1024,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
