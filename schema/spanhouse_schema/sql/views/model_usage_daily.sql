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
    toUInt64(ModelCalls) AS llm_calls,
    toUInt64(FailedModelCalls) AS failed_llm_calls,
    toUInt64(EmbeddingCalls) AS embedding_calls,
    known_tokens(InputTokens, InputTokensKnown) AS input_tokens,
    known_tokens(CacheReadTokens, CacheReadTokensKnown) AS cache_read_tokens,
    known_tokens(CacheWriteTokens, CacheWriteTokensKnown) AS cache_write_tokens,
    known_tokens(OutputTokens, OutputTokensKnown) AS output_tokens,
    known_tokens(ReasoningTokens, ReasoningTokensKnown) AS reasoning_tokens,
    known_tokens(EmbeddingTokens, EmbeddingTokensKnown) AS embedding_tokens,
    if(CostUSDKnown = 0, NULL, CostUSD) AS cost_usd,
    toUInt64(UnpricedCalls) AS unpriced_calls
FROM spanhouse.model_usage_sums FINAL
WHERE Uses != 0;
