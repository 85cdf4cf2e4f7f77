-- The executions of the traces that changed; and a tombstone for each that was there and is no more.
INSERT INTO spanhouse.agent_executions
(
    TenantId, TraceId, Fingerprint, Version, IsDeleted, DurationMs, CostSource, TotalCostSource,
    ExecutionId, ParentExecutionId, RootExecutionId, MergedIds, Kind, ServiceName, AgentId, AgentName, AgentVersion, SessionId, UserId, ClientAccountId, EngagementId, CaseId, FlowId, Status, StatusMessage, WaitingFor, StartedAt, EndedAt, ErrorType, ErrorMessage, InputPreview, OutputPreview, ConfidenceScore, Outcome, Progress, TasksTotal, TasksCompleted, LastEventAt, ExpiresAt, ModelCalls, FailedModelCalls, EmbeddingCalls, ToolCalls, FailedToolCalls, Retries, InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens, EmbeddingTokens, CostUSD,
    TotalModelCalls, TotalFailedModelCalls, TotalEmbeddingCalls, TotalToolCalls, TotalFailedToolCalls, TotalRetries, TotalInputTokens, TotalCacheReadTokens, TotalCacheWriteTokens, TotalOutputTokens, TotalReasoningTokens, TotalEmbeddingTokens, TotalCostUSD
)
SELECT
    TenantId, TraceId, Fingerprint, Version, 0 AS IsDeleted,
    (toUnixTimestamp64Nano(EndedAt) - toUnixTimestamp64Nano(StartedAt)) / 1e6 AS DurationMs,
    if(isNull(CostUSD), '', 'reported') AS CostSource,
    if(isNull(TotalCostUSD), '', 'reported') AS TotalCostSource,
    ExecutionId, ParentExecutionId, RootExecutionId, MergedIds, Kind, ServiceName, AgentId, AgentName, AgentVersion, SessionId, UserId, ClientAccountId, EngagementId, CaseId, FlowId, Status, StatusMessage, WaitingFor, StartedAt, EndedAt, ErrorType, ErrorMessage, InputPreview, OutputPreview, ConfidenceScore, Outcome, Progress, TasksTotal, TasksCompleted, LastEventAt, ExpiresAt, ModelCalls, FailedModelCalls, EmbeddingCalls, ToolCalls, FailedToolCalls, Retries, InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens, EmbeddingTokens, CostUSD,
    TotalModelCalls, TotalFailedModelCalls, TotalEmbeddingCalls, TotalToolCalls, TotalFailedToolCalls, TotalRetries, TotalInputTokens, TotalCacheReadTokens, TotalCacheWriteTokens, TotalOutputTokens, TotalReasoningTokens, TotalEmbeddingTokens, TotalCostUSD
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
        sumOrNull(CostUSD) AS TotalCostUSD
    FROM (SELECT TenantId, TraceId, ExecutionId, AncestorId FROM lineage) AS lineage
    INNER JOIN settled USING (TenantId, TraceId, ExecutionId)
    GROUP BY TenantId, TraceId, AncestorId
) AS total USING (TenantId, TraceId, ExecutionId);

INSERT INTO spanhouse.agent_executions (TenantId, TraceId, ExecutionId, Fingerprint, Version, IsDeleted)
SELECT TenantId, TraceId, ExecutionId, changed.Fingerprint, changed.Version, 1
FROM spanhouse.agent_executions FINAL
INNER JOIN changed USING (TenantId, TraceId)
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed WHERE LastVersion > 0)
    AND (TenantId, TraceId, ExecutionId) NOT IN (SELECT TenantId, TraceId, ExecutionId FROM settled);
