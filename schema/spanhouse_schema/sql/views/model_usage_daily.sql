-- One row is what an agent used of one model on a day, for one service, client account and engagement: calls, tokens, cost. Days and
-- keys are those of agent_performance_daily, and so the sum over models is what stands there: an execution of two models is one task
-- there and two rows here. What only a run's own span reports counts too, without calls, for nobody knows how many there were.
-- Provider and model are as spans say them: the model of the response, where there is none that of the request. Tokens are disjoint: one
-- is in one bucket. They and the cost are NULL where nobody reported any; as many calls as `unpriced_calls` have no price.
CREATE OR REPLACE VIEW spanhouse.model_usage_daily AS
SELECT
    TenantId AS tenant_id,
    Day AS date,
    ClientAccountId AS client_account_id,
    EngagementId AS engagement_id,
    ServiceName AS service_name,
    AgentName AS agent_name,
    Provider AS provider,
    Model AS model,
    toUInt64(sum(ModelCalls)) AS llm_calls,
    toUInt64(sum(FailedModelCalls)) AS failed_llm_calls,
    toUInt64(sum(EmbeddingCalls)) AS embedding_calls,
    known_tokens(sum(InputTokens), sum(InputTokensKnown)) AS input_tokens,
    known_tokens(sum(CacheReadTokens), sum(CacheReadTokensKnown)) AS cache_read_tokens,
    known_tokens(sum(CacheWriteTokens), sum(CacheWriteTokensKnown)) AS cache_write_tokens,
    known_tokens(sum(OutputTokens), sum(OutputTokensKnown)) AS output_tokens,
    known_tokens(sum(ReasoningTokens), sum(ReasoningTokensKnown)) AS reasoning_tokens,
    known_tokens(sum(EmbeddingTokens), sum(EmbeddingTokensKnown)) AS embedding_tokens,
    if(sum(CostUSDKnown) = 0, NULL, sum(CostUSD)) AS cost_usd,
    toUInt64(sum(UnpricedCalls)) AS unpriced_calls
FROM spanhouse.model_usage_sums
GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Provider, Model
HAVING sum(Uses) != 0;
