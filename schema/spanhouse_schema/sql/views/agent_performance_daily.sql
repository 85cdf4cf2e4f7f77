-- One row is a day of an agent, for one service, client account and engagement: what it attempted, how that went, what it used.
-- An execution counts wholly on the day on which it began, in SPANHOUSE_TIMEZONE. Tasks are executions of agents and workflows; those that
-- have not ended are attempted, and nothing else yet. `success_rate` (0 to 100) is of those that completed or failed: what somebody
-- cancelled did neither. Durations are of tasks that have ended, however they did; percentiles are within 1 % (exact ones are a query over
-- agent_executions). Calls are of models that answer; embeddings stand apart, in calls as in tokens. Tokens are disjoint: one is in one
-- bucket, and `total_tokens` is the sum of the first five. They and the cost are NULL where nobody reported any; as many calls as
-- `unpriced_calls` have no price. `distinct_users` and `distinct_sessions` are of this row: they cannot be added up over rows.
-- Calls, tokens and cost are the executions' own, never their totals, and those of implicit executions count too (under the agent's name
-- that these have, mostly ''): the sum over rows is everything, once.
CREATE OR REPLACE VIEW spanhouse.agent_performance_daily AS
WITH
    -- Numbers that came to nothing stay in the map.
    mapFilter((bucket, number) -> number > 0, DurationBuckets) AS Filled,
    mapKeys(Filled) AS Buckets,
    arrayCumSum(mapValues(Filled)) AS UpTo,
    arrayMap(level -> duration_ms_at(Buckets, UpTo, (Ended - 1) * level), [0.5, 0.95, 0.99]) AS Percentiles
SELECT
    TenantId AS tenant_id,
    Day AS date,
    ClientAccountId AS client_account_id,
    EngagementId AS engagement_id,
    ServiceName AS service_name,
    AgentName AS agent_name,
    toUInt64(Tasks) AS tasks_attempted,
    toUInt64(Completed) AS tasks_completed,
    toUInt64(Failed) AS tasks_failed,
    toUInt64(Cancelled) AS tasks_cancelled,
    if(Completed + Failed > 0, 100 * Completed / (Completed + Failed), NULL) AS success_rate,
    if(Ended > 0, DurationNs / Ended / 1e6, NULL) AS avg_duration_ms,
    if(Ended > 0, Percentiles[1], NULL) AS p50_duration_ms,
    if(Ended > 0, Percentiles[2], NULL) AS p95_duration_ms,
    if(Ended > 0, Percentiles[3], NULL) AS p99_duration_ms,
    avg_duration_ms / 1000 AS average_duration,
    if(Confident > 0, toFloat64(ConfidenceScore) / Confident, NULL) AS avg_confidence,
    avg_confidence AS average_confidence,
    toUInt64(ModelCalls) AS total_llm_calls,
    toUInt64(FailedModelCalls) AS failed_llm_calls,
    toUInt64(EmbeddingCalls) AS embedding_calls,
    toUInt64(ToolCalls) AS tool_calls,
    toUInt64(FailedToolCalls) AS tool_failures,
    known_tokens(InputTokens, InputTokensKnown) AS input_tokens,
    known_tokens(CacheReadTokens, CacheReadTokensKnown) AS cache_read_tokens,
    known_tokens(CacheWriteTokens, CacheWriteTokensKnown) AS cache_write_tokens,
    known_tokens(OutputTokens, OutputTokensKnown) AS output_tokens,
    known_tokens(ReasoningTokens, ReasoningTokensKnown) AS reasoning_tokens,
    known_tokens(EmbeddingTokens, EmbeddingTokensKnown) AS embedding_tokens,
    known_tokens(
        InputTokens + CacheReadTokens + CacheWriteTokens + OutputTokens + ReasoningTokens,
        InputTokensKnown + CacheReadTokensKnown + CacheWriteTokensKnown + OutputTokensKnown + ReasoningTokensKnown
    ) AS total_tokens,
    if(CostUSDKnown = 0, NULL, CostUSD) AS cost_usd,
    toUInt64(UnpricedCalls) AS unpriced_calls,
    Participants.2 AS distinct_users,
    Participants.3 AS distinct_sessions
FROM spanhouse.performance_sums AS performance FINAL
WHERE Executions != 0;
