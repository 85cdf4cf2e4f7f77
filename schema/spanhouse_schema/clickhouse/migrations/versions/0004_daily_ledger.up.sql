-- Frozen: what changes these tables from here on is another revision. Safe to run again: whatever it filled, it empties first.

CREATE TABLE IF NOT EXISTS spanhouse.daily_ledger
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    ExecutionId String CODEC(ZSTD(1)),
    Entry LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),

    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),
    IsTask Bool CODEC(ZSTD(1)),
    Status LowCardinality(String) CODEC(ZSTD(1)),
    DurationNs Nullable(Int64) CODEC(ZSTD(1)),
    DurationBucket Int16 CODEC(ZSTD(1)),
    ConfidenceScore Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    ToolCalls UInt32 CODEC(T64, ZSTD(1)),
    FailedToolCalls UInt32 CODEC(T64, ZSTD(1)),
    Usage Array(Tuple(
        Day Date32, Provider String, Model String, ModelCalls UInt32, FailedModelCalls UInt32, EmbeddingCalls UInt32, UnpricedCalls UInt32,
        InputTokens Nullable(UInt64), CacheReadTokens Nullable(UInt64), CacheWriteTokens Nullable(UInt64), OutputTokens Nullable(UInt64),
        ReasoningTokens Nullable(UInt64), EmbeddingTokens Nullable(UInt64), CostUSD Nullable(Decimal(38, 12))
    )) CODEC(ZSTD(1)),

    Runs UInt8 CODEC(ZSTD(1)),
    Invocations UInt8 CODEC(ZSTD(1)),
    Spent Array(Tuple(At DateTime64(0, 'UTC'), CostUSD Decimal(38, 12))) CODEC(ZSTD(1)),
    Unpriced UInt32 CODEC(T64, ZSTD(1)),

    CyclesStarted UInt8 CODEC(ZSTD(1)),
    CyclesCompleted UInt8 CODEC(ZSTD(1)),

    EntryId FixedString(16) MATERIALIZED sipHash128(tuple(
        Entry, Day, AgentName, UserId, SessionId, ServiceName, ClientAccountId, EngagementId, IsTask, Status, DurationNs, DurationBucket,
        ConfidenceScore, ToolCalls, FailedToolCalls, Usage, Runs, Invocations, Spent, Unpriced, CyclesStarted, CyclesCompleted
    )) CODEC(ZSTD(1)),
    Sign Int32 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree(Sign)
ORDER BY (TenantId, TraceId, ExecutionId, EntryId)
SETTINGS
    index_granularity = 1024,
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS spanhouse.performance_sums
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),

    Executions SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Tasks SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Completed SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Failed SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Cancelled SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    DurationNs SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    Ended SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    DurationBuckets SimpleAggregateFunction(sumMap, Map(Int16, Int64)) CODEC(ZSTD(1)),
    ConfidenceScore SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)),
    Confident SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ToolCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    FailedToolCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ModelCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    FailedModelCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    EmbeddingCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    UnpricedCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    InputTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    InputTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CacheReadTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    CacheReadTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CacheWriteTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    CacheWriteTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    OutputTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    OutputTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ReasoningTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    ReasoningTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    EmbeddingTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    EmbeddingTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CostUSD SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)),
    CostUSDKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Participants SimpleAggregateFunction(max, Tuple(UInt64, UInt64, UInt64)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId)
SETTINGS
    index_granularity = 1024,
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS spanhouse.daily_participants
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),
    Role LowCardinality(String) CODEC(ZSTD(1)),
    Id String CODEC(ZSTD(1)),
    Executions Int64 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree(Executions)
ORDER BY (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Role, Id)
SETTINGS
    index_granularity = 1024,
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS spanhouse.model_usage_sums
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    AgentName LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ClientAccountId LowCardinality(String) CODEC(ZSTD(1)),
    EngagementId LowCardinality(String) CODEC(ZSTD(1)),
    Provider LowCardinality(String) CODEC(ZSTD(1)),
    Model LowCardinality(String) CODEC(ZSTD(1)),

    Uses SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ModelCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    FailedModelCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    EmbeddingCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    UnpricedCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    InputTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    InputTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CacheReadTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    CacheReadTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CacheWriteTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    CacheWriteTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    OutputTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    OutputTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ReasoningTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    ReasoningTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    EmbeddingTokens SimpleAggregateFunction(sum, Int128) CODEC(ZSTD(1)),
    EmbeddingTokensKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CostUSD SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)),
    CostUSDKnown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Provider, Model)
SETTINGS
    index_granularity = 1024,
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS spanhouse.spend_sums
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Scope LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    ScopeId String CODEC(ZSTD(1)),

    Entries Int64 CODEC(ZSTD(1)),
    CostUSD Decimal(38, 12) CODEC(ZSTD(1)),
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
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS spanhouse.tenant_spend_seconds
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    Day Date32 CODEC(Delta, ZSTD(1)),
    At DateTime64(0, 'UTC') CODEC(Delta, ZSTD(1)),
    Priced Int64 CODEC(ZSTD(1)),
    CostUSD Decimal(38, 12) CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree
ORDER BY (TenantId, Day, At)
SETTINGS
    index_granularity = 1024,
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;

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
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS spanhouse.settlers
(
    Settler String CODEC(ZSTD(1)),
    BeganAt DateTime64(3) CODEC(ZSTD(1)),
    FinishedAt Nullable(DateTime64(3)) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY Settler
SETTINGS
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;

TRUNCATE TABLE spanhouse.daily_ledger;
TRUNCATE TABLE spanhouse.performance_sums;
TRUNCATE TABLE spanhouse.daily_participants;
TRUNCATE TABLE spanhouse.model_usage_sums;
TRUNCATE TABLE spanhouse.spend_sums;
TRUNCATE TABLE spanhouse.tenant_spend_seconds;
TRUNCATE TABLE spanhouse.daily_spend;

-- Of what is stored, because the raw rows behind it may have expired.
INSERT INTO spanhouse.daily_ledger
(
    TenantId, TraceId, ExecutionId, Entry, Day, AgentName, UserId, SessionId, ServiceName, ClientAccountId, EngagementId, IsTask, Status,
    DurationNs, DurationBucket, ConfidenceScore, ToolCalls, FailedToolCalls, Usage, Sign
)
WITH
    ifNull((SELECT value FROM spanhouse.installation FINAL WHERE name = 'timezone'), 'UTC') AS Timezone,
    execution.Kind IN ('agent', 'workflow') AS IsTask,
    if(IsTask, toUnixTimestamp64Nano(EndedAt) - toUnixTimestamp64Nano(StartedAt), NULL) AS LastedNs
SELECT
    TenantId, TraceId, ExecutionId, 'run', toDate32(StartedAt, Timezone), AgentName, UserId, SessionId, ServiceName, ClientAccountId, EngagementId,
    IsTask,
    if(IsTask, execution.Status, ''),
    LastedNs,
    multiIf(isNull(LastedNs), 0, LastedNs <= 0, -32768, ceil(log(LastedNs / 1e6) / log(1.02))),
    if(IsTask, toDecimal128OrNull(toString(execution.ConfidenceScore), 12), NULL),
    ToolCalls, FailedToolCalls, Usage, 1
FROM spanhouse.agent_executions AS execution FINAL;

INSERT INTO spanhouse.daily_ledger
    (TenantId, TraceId, ExecutionId, Entry, Day, AgentName, UserId, SessionId, Runs, Invocations, Spent, Unpriced, Sign)
SELECT TenantId, TraceId, ExecutionId, 'spend', Day, AgentName, UserId, SessionId, Runs, Invocations, Spent, Unpriced, 1
FROM spanhouse.agent_spend FINAL;

INSERT INTO spanhouse.daily_ledger
    (TenantId, TraceId, ExecutionId, Entry, Day, AgentName, UserId, SessionId, CyclesStarted, CyclesCompleted, Sign)
WITH ifNull((SELECT value FROM spanhouse.installation FINAL WHERE name = 'timezone'), 'UTC') AS Timezone
SELECT TenantId, '', SessionId, 'session', moment.1 AS Day, AgentName, UserId, SessionId, max(moment.2), max(moment.3), 1
FROM
(
    SELECT
        TenantId,
        SessionId,
        max(toString(agent_cycles.AgentName)) AS AgentName,
        max(agent_cycles.UserId) AS UserId,
        (toDate32(min(StartedAt), Timezone), 1, 0) AS Began,
        coalesce(min(CompletedAt), min(OutcomeAt)) AS EndedAt,
        arrayMap(moment -> (toDate32(moment, Timezone), 0, 1), arrayFilter(moment -> isNotNull(moment), [EndedAt])) AS Ended
    FROM spanhouse.agent_cycles
    GROUP BY TenantId, SessionId
)
ARRAY JOIN arrayConcat([Began], Ended) AS moment
GROUP BY TenantId, SessionId, AgentName, UserId, Day;

INSERT INTO spanhouse.performance_sums (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Executions, Tasks, Completed, Failed, Cancelled, DurationNs, Ended, DurationBuckets, ConfidenceScore, Confident, ToolCalls, FailedToolCalls, ModelCalls, FailedModelCalls, EmbeddingCalls, UnpricedCalls, InputTokens, InputTokensKnown, CacheReadTokens, CacheReadTokensKnown, CacheWriteTokens, CacheWriteTokensKnown, OutputTokens, OutputTokensKnown, ReasoningTokens, ReasoningTokensKnown, EmbeddingTokens, EmbeddingTokensKnown, CostUSD, CostUSDKnown)
SELECT
    TenantId,
    Day,
    AgentName,
    ServiceName,
    ClientAccountId,
    EngagementId,
    sum(Sign) AS Executions,
    sumIf(Sign, IsTask) AS Tasks,
    sumIf(Sign, IsTask AND Status = 'completed') AS Completed,
    sumIf(Sign, IsTask AND Status = 'failed') AS Failed,
    sumIf(Sign, IsTask AND Status = 'cancelled') AS Cancelled,
    sum(toInt128(Sign) * ifNull(entry.DurationNs, 0)) AS DurationNs,
    sumIf(Sign, isNotNull(entry.DurationNs)) AS Ended,
    sumMapIf(map(DurationBucket, toInt64(Sign)), isNotNull(entry.DurationNs)) AS DurationBuckets,
    sum(Sign * ifNull(entry.ConfidenceScore, 0)) AS ConfidenceScore,
    sumIf(Sign, isNotNull(entry.ConfidenceScore)) AS Confident,
    sum(Sign * toInt64(entry.ToolCalls)) AS ToolCalls,
    sum(Sign * toInt64(entry.FailedToolCalls)) AS FailedToolCalls,
    sum(Sign * toInt64(arraySum(Usage.ModelCalls))) AS ModelCalls,
    sum(Sign * toInt64(arraySum(Usage.FailedModelCalls))) AS FailedModelCalls,
    sum(Sign * toInt64(arraySum(Usage.EmbeddingCalls))) AS EmbeddingCalls,
    sum(Sign * toInt64(arraySum(Usage.UnpricedCalls))) AS UnpricedCalls,
    sum(toInt128(Sign) * arraySum(known -> ifNull(known, 0), Usage.InputTokens)) AS InputTokens,
    sum(Sign * toInt64(arrayCount(known -> isNotNull(known), Usage.InputTokens))) AS InputTokensKnown,
    sum(toInt128(Sign) * arraySum(known -> ifNull(known, 0), Usage.CacheReadTokens)) AS CacheReadTokens,
    sum(Sign * toInt64(arrayCount(known -> isNotNull(known), Usage.CacheReadTokens))) AS CacheReadTokensKnown,
    sum(toInt128(Sign) * arraySum(known -> ifNull(known, 0), Usage.CacheWriteTokens)) AS CacheWriteTokens,
    sum(Sign * toInt64(arrayCount(known -> isNotNull(known), Usage.CacheWriteTokens))) AS CacheWriteTokensKnown,
    sum(toInt128(Sign) * arraySum(known -> ifNull(known, 0), Usage.OutputTokens)) AS OutputTokens,
    sum(Sign * toInt64(arrayCount(known -> isNotNull(known), Usage.OutputTokens))) AS OutputTokensKnown,
    sum(toInt128(Sign) * arraySum(known -> ifNull(known, 0), Usage.ReasoningTokens)) AS ReasoningTokens,
    sum(Sign * toInt64(arrayCount(known -> isNotNull(known), Usage.ReasoningTokens))) AS ReasoningTokensKnown,
    sum(toInt128(Sign) * arraySum(known -> ifNull(known, 0), Usage.EmbeddingTokens)) AS EmbeddingTokens,
    sum(Sign * toInt64(arrayCount(known -> isNotNull(known), Usage.EmbeddingTokens))) AS EmbeddingTokensKnown,
    sum(Sign * arraySum(known -> ifNull(known, 0), Usage.CostUSD)) AS CostUSD,
    sum(Sign * toInt64(arrayCount(known -> isNotNull(known), Usage.CostUSD))) AS CostUSDKnown
FROM spanhouse.daily_ledger AS entry
WHERE Entry = 'run'
GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId;

INSERT INTO spanhouse.daily_participants (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Role, Id, Executions)
SELECT
    TenantId,
    Day,
    AgentName,
    ServiceName,
    ClientAccountId,
    EngagementId,
    participant.1 AS Role,
    participant.2 AS Id,
    sum(Sign) AS Executions
FROM spanhouse.daily_ledger
ARRAY JOIN [('user', UserId), ('session', SessionId)] AS participant
WHERE Entry = 'run' AND notEmpty(Id)
GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Role, Id;

INSERT INTO spanhouse.model_usage_sums (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Provider, Model, Uses, ModelCalls, FailedModelCalls, EmbeddingCalls, UnpricedCalls, InputTokens, InputTokensKnown, CacheReadTokens, CacheReadTokensKnown, CacheWriteTokens, CacheWriteTokensKnown, OutputTokens, OutputTokensKnown, ReasoningTokens, ReasoningTokensKnown, EmbeddingTokens, EmbeddingTokensKnown, CostUSD, CostUSDKnown)
SELECT
    TenantId,
    Day,
    AgentName,
    ServiceName,
    ClientAccountId,
    EngagementId,
    tupleElement(used, 'Provider') AS Provider,
    tupleElement(used, 'Model') AS Model,
    sum(Sign) AS Uses,
    sum(Sign * toInt64(tupleElement(used, 'ModelCalls'))) AS ModelCalls,
    sum(Sign * toInt64(tupleElement(used, 'FailedModelCalls'))) AS FailedModelCalls,
    sum(Sign * toInt64(tupleElement(used, 'EmbeddingCalls'))) AS EmbeddingCalls,
    sum(Sign * toInt64(tupleElement(used, 'UnpricedCalls'))) AS UnpricedCalls,
    sum(toInt128(Sign) * ifNull(tupleElement(used, 'InputTokens'), 0)) AS InputTokens,
    sumIf(Sign, isNotNull(tupleElement(used, 'InputTokens'))) AS InputTokensKnown,
    sum(toInt128(Sign) * ifNull(tupleElement(used, 'CacheReadTokens'), 0)) AS CacheReadTokens,
    sumIf(Sign, isNotNull(tupleElement(used, 'CacheReadTokens'))) AS CacheReadTokensKnown,
    sum(toInt128(Sign) * ifNull(tupleElement(used, 'CacheWriteTokens'), 0)) AS CacheWriteTokens,
    sumIf(Sign, isNotNull(tupleElement(used, 'CacheWriteTokens'))) AS CacheWriteTokensKnown,
    sum(toInt128(Sign) * ifNull(tupleElement(used, 'OutputTokens'), 0)) AS OutputTokens,
    sumIf(Sign, isNotNull(tupleElement(used, 'OutputTokens'))) AS OutputTokensKnown,
    sum(toInt128(Sign) * ifNull(tupleElement(used, 'ReasoningTokens'), 0)) AS ReasoningTokens,
    sumIf(Sign, isNotNull(tupleElement(used, 'ReasoningTokens'))) AS ReasoningTokensKnown,
    sum(toInt128(Sign) * ifNull(tupleElement(used, 'EmbeddingTokens'), 0)) AS EmbeddingTokens,
    sumIf(Sign, isNotNull(tupleElement(used, 'EmbeddingTokens'))) AS EmbeddingTokensKnown,
    sum(Sign * ifNull(tupleElement(used, 'CostUSD'), 0)) AS CostUSD,
    sumIf(Sign, isNotNull(tupleElement(used, 'CostUSD'))) AS CostUSDKnown
FROM spanhouse.daily_ledger
ARRAY JOIN Usage AS used
GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Provider, Model;

INSERT INTO spanhouse.spend_sums (TenantId, Scope, Day, ScopeId, Entries, CostUSD, Priced, Unpriced, Invocations, CyclesStarted, CyclesCompleted)
SELECT
    TenantId,
    scope.1 AS Scope,
    Day,
    scope.2 AS ScopeId,
    sum(Sign) AS Entries,
    sum(Sign * arraySum(Spent.CostUSD)) AS CostUSD,
    sum(Sign * toInt64(length(Spent))) AS Priced,
    sum(Sign * toInt64(entry.Unpriced)) AS Unpriced,
    sum(Sign * if(Scope = 'agent', entry.Runs, entry.Invocations)) AS Invocations,
    sum(Sign * entry.CyclesStarted) AS CyclesStarted,
    sum(Sign * entry.CyclesCompleted) AS CyclesCompleted
FROM spanhouse.daily_ledger AS entry
ARRAY JOIN arrayFilter(scope -> scope.1 = 'tenant' OR notEmpty(scope.2), [('tenant', ''), ('agent', toString(AgentName)), ('user', UserId), ('session', SessionId)]) AS scope
WHERE Entry != 'run'
GROUP BY TenantId, Scope, Day, ScopeId;

INSERT INTO spanhouse.tenant_spend_seconds (TenantId, Day, At, Priced, CostUSD)
SELECT
    TenantId,
    Day,
    tupleElement(spent, 'At') AS At,
    sum(Sign) AS Priced,
    sum(Sign * tupleElement(spent, 'CostUSD')) AS CostUSD
FROM spanhouse.daily_ledger
ARRAY JOIN Spent AS spent
GROUP BY TenantId, Day, At;

INSERT INTO spanhouse.daily_spend (TenantId, Day, TraceId, ExecutionId, AgentName, UserId, SessionId, Spent, EntryId, Sign)
SELECT
    TenantId,
    Day,
    TraceId,
    ExecutionId,
    AgentName,
    UserId,
    SessionId,
    Spent,
    EntryId,
    Sign
FROM spanhouse.daily_ledger
WHERE notEmpty(Spent);

INSERT INTO spanhouse.performance_sums (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Participants)
SELECT
    TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId,
    (toUInt64(toUnixTimestamp64Micro(now64(6))), countIf(Role = 'user'), countIf(Role = 'session'))
FROM spanhouse.daily_participants
GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId;

ALTER TABLE spanhouse.listed_executions DROP COLUMN IF EXISTS Users, DROP COLUMN IF EXISTS Sessions;
