-- Frozen, like what it takes back.

DROP VIEW IF EXISTS spanhouse.agent_budget;
DROP VIEW IF EXISTS spanhouse.tenant_budget_daily;
DROP VIEW IF EXISTS spanhouse.agent_performance_daily;
DROP VIEW IF EXISTS spanhouse.model_usage_daily;
DROP VIEW IF EXISTS spanhouse.agent_budget_daily;

CREATE TABLE IF NOT EXISTS spanhouse.agent_performance_daily
(
    tenant_id LowCardinality(String) CODEC(ZSTD(1)),
    date Date32 CODEC(Delta, ZSTD(1)),
    client_account_id LowCardinality(String) CODEC(ZSTD(1)),
    engagement_id LowCardinality(String) CODEC(ZSTD(1)),
    service_name LowCardinality(String) CODEC(ZSTD(1)),
    agent_name LowCardinality(String) CODEC(ZSTD(1)),
    tasks_attempted UInt64 CODEC(T64, ZSTD(1)),
    tasks_completed UInt64 CODEC(T64, ZSTD(1)),
    tasks_failed UInt64 CODEC(T64, ZSTD(1)),
    tasks_cancelled UInt64 CODEC(T64, ZSTD(1)),
    success_rate Nullable(Float64) CODEC(ZSTD(1)),
    avg_duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    p50_duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    p95_duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    p99_duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    average_duration Nullable(Float64) ALIAS avg_duration_ms / 1000,
    avg_confidence Nullable(Float64) CODEC(ZSTD(1)),
    average_confidence Nullable(Float64) ALIAS avg_confidence,
    total_llm_calls UInt64 CODEC(T64, ZSTD(1)),
    failed_llm_calls UInt64 CODEC(T64, ZSTD(1)),
    embedding_calls UInt64 CODEC(T64, ZSTD(1)),
    tool_calls UInt64 CODEC(T64, ZSTD(1)),
    tool_failures UInt64 CODEC(T64, ZSTD(1)),
    input_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cache_read_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cache_write_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    output_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    reasoning_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    embedding_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    total_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cost_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    unpriced_calls UInt64 CODEC(T64, ZSTD(1)),
    distinct_users UInt64 CODEC(T64, ZSTD(1)),
    distinct_sessions UInt64 CODEC(T64, ZSTD(1)),
    version UInt64 CODEC(Delta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (tenant_id, date, agent_name, service_name, client_account_id, engagement_id)
SETTINGS
    index_granularity = 1024,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS spanhouse.model_usage_daily
(
    tenant_id LowCardinality(String) CODEC(ZSTD(1)),
    date Date32 CODEC(Delta, ZSTD(1)),
    client_account_id LowCardinality(String) CODEC(ZSTD(1)),
    engagement_id LowCardinality(String) CODEC(ZSTD(1)),
    service_name LowCardinality(String) CODEC(ZSTD(1)),
    agent_name LowCardinality(String) CODEC(ZSTD(1)),
    provider LowCardinality(String) CODEC(ZSTD(1)),
    model LowCardinality(String) CODEC(ZSTD(1)),
    llm_calls UInt64 CODEC(T64, ZSTD(1)),
    failed_llm_calls UInt64 CODEC(T64, ZSTD(1)),
    embedding_calls UInt64 CODEC(T64, ZSTD(1)),
    input_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cache_read_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cache_write_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    output_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    reasoning_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    embedding_tokens Nullable(UInt64) CODEC(ZSTD(1)),
    cost_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    unpriced_calls UInt64 CODEC(T64, ZSTD(1)),
    version UInt64 CODEC(Delta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (tenant_id, date, agent_name, service_name, client_account_id, engagement_id, provider, model)
SETTINGS
    index_granularity = 1024,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS spanhouse.agent_budget_daily
(
    tenant_id LowCardinality(String) CODEC(ZSTD(1)),
    scope LowCardinality(String) CODEC(ZSTD(1)),
    date Date32 CODEC(Delta, ZSTD(1)),
    scope_id String CODEC(ZSTD(1)),
    limit_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    used_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    remaining_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    unpriced_calls UInt64 CODEC(T64, ZSTD(1)),
    invocations UInt64 CODEC(T64, ZSTD(1)),
    cycles_started UInt64 CODEC(T64, ZSTD(1)),
    cycles_completed UInt64 CODEC(T64, ZSTD(1)),
    over_50_at Nullable(DateTime64(0, 'UTC')) CODEC(ZSTD(1)),
    over_80_at Nullable(DateTime64(0, 'UTC')) CODEC(ZSTD(1)),
    over_100_at Nullable(DateTime64(0, 'UTC')) CODEC(ZSTD(1)),
    version UInt64 CODEC(Delta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (tenant_id, scope, date, scope_id)
SETTINGS
    index_granularity = 1024,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS spanhouse.agent_spend
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    ExecutionId String CODEC(ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    Runs UInt8 CODEC(ZSTD(1)),
    Invocations UInt8 CODEC(ZSTD(1)),
    Spent Array(Tuple(At DateTime64(0, 'UTC'), CostUSD Decimal(38, 12))) CODEC(ZSTD(1)),
    Unpriced UInt32 CODEC(T64, ZSTD(1)),
    Version UInt64 CODEC(Delta, ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (TenantId, Day, TraceId, ExecutionId)
SETTINGS
    index_granularity = 2048,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
