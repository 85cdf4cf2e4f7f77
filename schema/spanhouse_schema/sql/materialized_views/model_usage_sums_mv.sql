-- Adds up what agents used of each model, by day.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.model_usage_sums_mv TO spanhouse.model_usage_sums AS
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
