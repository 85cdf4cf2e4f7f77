-- The rows of model_usage_daily of the touched days, in its columns and their order, from all executions of each.
INSERT INTO model_usage
SELECT
    TenantId AS tenant_id,
    toDate32(StartedAt, {timezone:String}) AS date,
    ClientAccountId AS client_account_id,
    EngagementId AS engagement_id,
    ServiceName AS service_name,
    AgentName AS agent_name,
    used.Provider AS provider,
    used.Model AS model,
    sum(used.ModelCalls) AS llm_calls,
    sum(used.FailedModelCalls) AS failed_llm_calls,
    sum(used.EmbeddingCalls) AS embedding_calls,
    sumOrNull(used.InputTokens) AS input_tokens,
    sumOrNull(used.CacheReadTokens) AS cache_read_tokens,
    sumOrNull(used.CacheWriteTokens) AS cache_write_tokens,
    sumOrNull(used.OutputTokens) AS output_tokens,
    sumOrNull(used.ReasoningTokens) AS reasoning_tokens,
    sumOrNull(used.EmbeddingTokens) AS embedding_tokens,
    sumOrNull(used.CostUSD) AS cost_usd,
    sum(used.UnpricedCalls) AS unpriced_calls,
    toUInt64(0) AS version,
    toUInt8(0) AS is_deleted
FROM spanhouse.agent_executions_by_agent FINAL
ARRAY JOIN Usage AS used
WHERE (TenantId, AgentName, toDate32(StartedAt, {timezone:String})) IN (SELECT TenantId, AgentName, Day FROM touched)
GROUP BY tenant_id, date, client_account_id, engagement_id, service_name, agent_name, provider, model;
