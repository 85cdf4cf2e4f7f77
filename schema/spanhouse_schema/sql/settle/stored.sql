-- The executions of the traces that changed, in the columns of agent_executions and in their order.
SELECT
    TenantId, TraceId, ExecutionId, ParentExecutionId, RootExecutionId, MergedIds, Kind, ServiceName, AgentId, AgentName,
    AgentVersion, SessionId, UserId, ClientAccountId, EngagementId, CaseId, FlowId, Status, StatusMessage, WaitingFor, StartedAt,
    EndedAt,
    (toUnixTimestamp64Nano(EndedAt) - toUnixTimestamp64Nano(StartedAt)) / 1e6 AS DurationMs,
    ErrorType, ErrorMessage, InputPreview, OutputPreview, ConfidenceScore, Outcome, Progress, TasksTotal, TasksCompleted,
    LastEventAt, ExpiresAt, ModelCalls, FailedModelCalls, EmbeddingCalls, ToolCalls, FailedToolCalls, Retries, InputTokens,
    CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens, EmbeddingTokens, CostUSD,
    source_of_costs(CostSources) AS CostSource,
    UnpricedCalls,
    TotalModelCalls, TotalFailedModelCalls, TotalEmbeddingCalls, TotalToolCalls, TotalFailedToolCalls, TotalRetries,
    TotalInputTokens, TotalCacheReadTokens, TotalCacheWriteTokens, TotalOutputTokens, TotalReasoningTokens, TotalEmbeddingTokens,
    TotalCostUSD,
    source_of_costs(TotalCostSources) AS TotalCostSource,
    TotalUnpricedCalls,
    Used AS Usage,
    CameAt,
    Fingerprint,
    Version,
    toUInt8(0) AS IsDeleted
FROM settled
INNER JOIN changed USING (TenantId, TraceId)
INNER JOIN
(
    SELECT
        TenantId,
        TraceId,
        AncestorId AS ExecutionId,
        sum(ModelCalls) AS TotalModelCalls,
        sum(FailedModelCalls) AS TotalFailedModelCalls,
        sum(EmbeddingCalls) AS TotalEmbeddingCalls,
        sum(ToolCalls) AS TotalToolCalls,
        sum(FailedToolCalls) AS TotalFailedToolCalls,
        sum(Retries) AS TotalRetries,
        sumOrNull(InputTokens) AS TotalInputTokens,
        sumOrNull(CacheReadTokens) AS TotalCacheReadTokens,
        sumOrNull(CacheWriteTokens) AS TotalCacheWriteTokens,
        sumOrNull(OutputTokens) AS TotalOutputTokens,
        sumOrNull(ReasoningTokens) AS TotalReasoningTokens,
        sumOrNull(EmbeddingTokens) AS TotalEmbeddingTokens,
        sumOrNull(CostUSD) AS TotalCostUSD,
        groupBitOr(CostSources) AS TotalCostSources,
        sum(UnpricedCalls) AS TotalUnpricedCalls
    FROM (SELECT TenantId, TraceId, ExecutionId, AncestorId FROM lineage) AS lineage
    INNER JOIN settled USING (TenantId, TraceId, ExecutionId)
    GROUP BY TenantId, TraceId, AncestorId
) AS total USING (TenantId, TraceId, ExecutionId)
LEFT JOIN usage USING (TenantId, TraceId, ExecutionId);
