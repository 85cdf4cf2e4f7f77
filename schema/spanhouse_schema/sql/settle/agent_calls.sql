-- The calls of the traces that changed.
INSERT INTO spanhouse.agent_calls
(
    TenantId, TraceId, SpanId, MergedIds, Kind, ExecutionId, ServiceName, StartedAt, EndedAt, ErrorType, ErrorMessage, Provider, RequestModel, ResponseModel, ResponseId, Retries, TokensInconsistent, ToolName, ToolCallId, ToolArgumentsPreview, ToolResultPreview,
    RootExecutionId, AgentId, AgentName, SessionId, UserId, ClientAccountId, EngagementId,
    InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens, CostUSD, CostSource, ReportedCostUSD, ComputedCostUSD, Success, DurationMs, Version, IsDeleted
)
SELECT
    TenantId, TraceId, CountedId AS SpanId, call.MergedIds, call.Kind, call.ExecutionId, call.ServiceName, call.StartedAt, call.EndedAt, call.ErrorType, call.ErrorMessage, call.Provider, call.RequestModel, call.ResponseModel, call.ResponseId, call.Retries, call.TokensInconsistent, call.ToolName, call.ToolCallId, call.ToolArgumentsPreview, call.ToolResultPreview,
    settled.RootExecutionId, settled.AgentId, settled.AgentName, if(notEmpty(call.SessionId), call.SessionId, settled.SessionId), if(notEmpty(call.UserId), call.UserId, settled.UserId), if(notEmpty(call.ClientAccountId), call.ClientAccountId, settled.ClientAccountId), if(notEmpty(call.EngagementId), call.EngagementId, settled.EngagementId),
    Usage.1, Usage.2, Usage.3, Usage.4, Usage.5,
    call.CostUSD, source_of_costs(call.CostSources), ReportedCostUSD, ComputedCostUSD, NOT Failed,
    (toUnixTimestamp64Nano(call.EndedAt) - toUnixTimestamp64Nano(call.StartedAt)) / 1e6,
    Version, 0
FROM (SELECT *, CountedKind AS Kind FROM priced WHERE NOT IsRun) AS call
INNER JOIN settled USING (TenantId, TraceId, ExecutionId)
INNER JOIN changed USING (TenantId, TraceId);
