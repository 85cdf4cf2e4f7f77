-- The executions of the traces that changed. First the copy by agent: the rows have the fingerprint, so that whatever breaks off on
-- the way is done again.
INSERT INTO spanhouse.agent_executions_by_agent
(
    TenantId, TraceId, ExecutionId, ParentExecutionId, RootExecutionId, MergedIds, Kind, ServiceName, AgentId, AgentName, AgentVersion,
    SessionId, UserId, ClientAccountId, EngagementId, CaseId, FlowId, Status, StatusMessage, WaitingFor, StartedAt, EndedAt, DurationMs,
    ErrorType, ErrorMessage, InputPreview, OutputPreview, ConfidenceScore, Outcome, Progress, TasksTotal, TasksCompleted, LastEventAt,
    ExpiresAt, ModelCalls, FailedModelCalls, EmbeddingCalls, ToolCalls, FailedToolCalls, Retries, InputTokens, CacheReadTokens,
    CacheWriteTokens, OutputTokens, ReasoningTokens, EmbeddingTokens, CostUSD, CostSource, UnpricedCalls, TotalModelCalls,
    TotalFailedModelCalls, TotalEmbeddingCalls, TotalToolCalls, TotalFailedToolCalls, TotalRetries, TotalInputTokens,
    TotalCacheReadTokens, TotalCacheWriteTokens, TotalOutputTokens, TotalReasoningTokens, TotalEmbeddingTokens, TotalCostUSD,
    TotalCostSource, TotalUnpricedCalls, Usage, CameAt, Fingerprint, Version, IsDeleted
)
SELECT * FROM stored WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed);

INSERT INTO spanhouse.agent_executions
(
    TenantId, TraceId, ExecutionId, ParentExecutionId, RootExecutionId, MergedIds, Kind, ServiceName, AgentId, AgentName, AgentVersion,
    SessionId, UserId, ClientAccountId, EngagementId, CaseId, FlowId, Status, StatusMessage, WaitingFor, StartedAt, EndedAt, DurationMs,
    ErrorType, ErrorMessage, InputPreview, OutputPreview, ConfidenceScore, Outcome, Progress, TasksTotal, TasksCompleted, LastEventAt,
    ExpiresAt, ModelCalls, FailedModelCalls, EmbeddingCalls, ToolCalls, FailedToolCalls, Retries, InputTokens, CacheReadTokens,
    CacheWriteTokens, OutputTokens, ReasoningTokens, EmbeddingTokens, CostUSD, CostSource, UnpricedCalls, TotalModelCalls,
    TotalFailedModelCalls, TotalEmbeddingCalls, TotalToolCalls, TotalFailedToolCalls, TotalRetries, TotalInputTokens,
    TotalCacheReadTokens, TotalCacheWriteTokens, TotalOutputTokens, TotalReasoningTokens, TotalEmbeddingTokens, TotalCostUSD,
    TotalCostSource, TotalUnpricedCalls, Usage, CameAt, Fingerprint, Version, IsDeleted
)
SELECT * FROM stored WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed);
