-- Where a settling is about to write, for whoever comes after one that died: where agent_executions_by_agent is given rows of a trace,
-- whose keys begin with the agent, which a later settling may find to be another; and, in a row without an execution, on which days the
-- ledger is given entries of it. Written before these tables; a settler that has written everything says so in a row without a tenant.
-- Written and read by the settling; of a trace that has not been touched for two days, nothing is needed.
CREATE TABLE IF NOT EXISTS spanhouse.listed_executions
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    ExecutionId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    StartedAt DateTime64(9) CODEC(Delta, ZSTD(1)),
    Days Array(Date32) CODEC(ZSTD(1)),
    -- Of the settling, in microseconds; and which process's it was.
    Version UInt64 CODEC(Delta, ZSTD(1)),
    Settler LowCardinality(String) CODEC(ZSTD(1)),
    At DateTime64(3) DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version)
PARTITION BY toDate(At)
ORDER BY (TenantId, TraceId, ExecutionId, AgentName, StartedAt, Settler)
TTL toDateTime(At) + INTERVAL 2 DAY
SETTINGS
    index_granularity = 1024,
    ttl_only_drop_parts = 1,
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
