-- Each execution as it is to be stored, but for its totals.
CREATE TEMPORARY TABLE settled AS
WITH
    -- What a span says of its calls in sum counts only where nothing below it says anything.
    SpanReports AND NOT CallsReport AND NOT BelowReports AS TellsItself,
    -- A span that runs agents and calls nothing is no agent, unless it has an agent's name and is called by something.
    execution.Kind = 'agent' AND Children > 0 AND ModelCalls + EmbeddingCalls + ToolCalls = 0 AND (empty(ParentSpanId) OR NOT AgentNamed) AS IsWrapper,
    notEmpty(execution.Kind) AS HasSpan
SELECT
    TenantId,
    TraceId,
    ExecutionId,
    ParentExecutionId,
    below.RootExecutionId AS RootExecutionId,
    MergedIds,
    multiIf(IsWrapper, 'workflow', HasSpan, execution.Kind, 'implicit') AS Kind,
    if(HasSpan, execution.ServiceName, CallServiceName) AS ServiceName,
    AgentId,
    AgentName,
    AgentVersion,
    multiIf(notEmpty(execution.SessionId), execution.SessionId, notEmpty(own.SessionId), own.SessionId, trace.SessionId) AS SessionId,
    multiIf(notEmpty(execution.UserId), execution.UserId, notEmpty(own.UserId), own.UserId, trace.UserId) AS UserId,
    multiIf(notEmpty(execution.ClientAccountId), execution.ClientAccountId, notEmpty(own.ClientAccountId), own.ClientAccountId, trace.ClientAccountId) AS ClientAccountId,
    multiIf(notEmpty(execution.EngagementId), execution.EngagementId, notEmpty(own.EngagementId), own.EngagementId, trace.EngagementId) AS EngagementId,
    multiIf(notEmpty(execution.CaseId), execution.CaseId, notEmpty(own.CaseId), own.CaseId, trace.CaseId) AS CaseId,
    multiIf(notEmpty(execution.FlowId), execution.FlowId, notEmpty(own.FlowId), own.FlowId, trace.FlowId) AS FlowId,
    multiIf(
        notEmpty(execution.Status), execution.Status,
        execution.Cancelled, 'cancelled',
        execution.Failed, 'failed',
        -- A run that ends in a failed agent has failed, though its own span keeps silent about it.
        Kind = 'workflow' AND Children > 0, if(LastChild.1, 'failed', 'completed'),
        NOT HasSpan AND LastCall.1, 'failed',
        'completed'
    ) AS Status,
    StatusMessage,
    WaitingFor,
    if(HasSpan, execution.StartedAt, FirstCallAt) AS StartedAt,
    if(HasSpan, execution.EndedAt, LastCallAt) AS EndedAt,
    multiIf(Status != 'failed' OR notEmpty(execution.ErrorType), execution.ErrorType, notEmpty(LastChild.2), LastChild.2, LastFailedCall.1) AS ErrorType,
    multiIf(Status != 'failed' OR notEmpty(execution.ErrorMessage), execution.ErrorMessage, notEmpty(LastChild.3), LastChild.3, LastFailedCall.2) AS ErrorMessage,
    InputPreview,
    OutputPreview,
    ConfidenceScore,
    Outcome,
    ModelCalls,
    FailedModelCalls,
    EmbeddingCalls,
    ToolCalls,
    FailedToolCalls,
    CallRetries AS Retries,
    if(TellsItself, Usage.1, CalledInputTokens) AS InputTokens,
    if(TellsItself, Usage.2, CalledCacheReadTokens) AS CacheReadTokens,
    if(TellsItself, Usage.3, CalledCacheWriteTokens) AS CacheWriteTokens,
    if(TellsItself, Usage.4, CalledOutputTokens) AS OutputTokens,
    if(TellsItself, Usage.5, CalledReasoningTokens) AS ReasoningTokens,
    EmbeddingTokens,
    if(isNull(CalledCostUSD) AND NOT BelowHasCost AND Kind != 'implicit', ReportedCostUSD, CalledCostUSD) AS CostUSD
FROM execution
INNER JOIN below USING (TenantId, TraceId, ExecutionId)
LEFT JOIN context AS own USING (TenantId, TraceId, ExecutionId)
LEFT JOIN (SELECT * EXCEPT ExecutionId FROM context WHERE empty(ExecutionId)) AS trace USING (TenantId, TraceId);
