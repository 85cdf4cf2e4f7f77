-- The rows of agent_performance_daily of the touched days, in its columns and their order, from all executions of each.
INSERT INTO performance
WITH
    Kind IN ('agent', 'workflow') AS IsTask,
    quantilesExactInclusiveIf(0.5, 0.95, 0.99)(DurationMs, IsTask) AS Percentiles,
    -- In order, as a sum of floats depends on it.
    arraySort(groupArrayIf(ConfidenceScore, IsTask)) AS Confidences
SELECT
    TenantId AS tenant_id,
    toDate32(StartedAt, {timezone:String}) AS date,
    ClientAccountId AS client_account_id,
    EngagementId AS engagement_id,
    ServiceName AS service_name,
    AgentName AS agent_name,
    countIf(IsTask) AS tasks_attempted,
    countIf(IsTask AND Status = 'completed') AS tasks_completed,
    countIf(IsTask AND Status = 'failed') AS tasks_failed,
    countIf(IsTask AND Status = 'cancelled') AS tasks_cancelled,
    if(tasks_completed + tasks_failed > 0, 100 * tasks_completed / (tasks_completed + tasks_failed), NULL) AS success_rate,
    -- Of whole nanoseconds, for the same reason.
    sumOrNullIf(toInt128(toUnixTimestamp64Nano(EndedAt)) - toUnixTimestamp64Nano(StartedAt), IsTask) / countIf(IsTask AND isNotNull(EndedAt)) / 1e6 AS avg_duration_ms,
    if(isNull(avg_duration_ms), NULL, Percentiles[1]) AS p50_duration_ms,
    if(isNull(avg_duration_ms), NULL, Percentiles[2]) AS p95_duration_ms,
    if(isNull(avg_duration_ms), NULL, Percentiles[3]) AS p99_duration_ms,
    if(empty(Confidences), NULL, arrayAvg(Confidences)) AS avg_confidence,
    sum(ModelCalls) AS total_llm_calls,
    sum(FailedModelCalls) AS failed_llm_calls,
    sum(EmbeddingCalls) AS embedding_calls,
    sum(ToolCalls) AS tool_calls,
    sum(FailedToolCalls) AS tool_failures,
    sumOrNull(InputTokens) AS input_tokens,
    sumOrNull(CacheReadTokens) AS cache_read_tokens,
    sumOrNull(CacheWriteTokens) AS cache_write_tokens,
    sumOrNull(OutputTokens) AS output_tokens,
    sumOrNull(ReasoningTokens) AS reasoning_tokens,
    sumOrNull(EmbeddingTokens) AS embedding_tokens,
    if(isNull(coalesce(input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens)), NULL,
        ifNull(input_tokens, 0) + ifNull(cache_read_tokens, 0) + ifNull(cache_write_tokens, 0) + ifNull(output_tokens, 0) + ifNull(reasoning_tokens, 0)) AS total_tokens,
    sumOrNull(CostUSD) AS cost_usd,
    sum(UnpricedCalls) AS unpriced_calls,
    uniqExactIf(UserId, notEmpty(UserId)) AS distinct_users,
    uniqExactIf(SessionId, notEmpty(SessionId)) AS distinct_sessions,
    toUInt64(0) AS version,
    toUInt8(0) AS is_deleted
FROM spanhouse.agent_executions_by_agent FINAL
WHERE (TenantId, AgentName, toDate32(StartedAt, {timezone:String})) IN (SELECT TenantId, AgentName, Day FROM touched)
GROUP BY tenant_id, date, client_account_id, engagement_id, service_name, agent_name;
