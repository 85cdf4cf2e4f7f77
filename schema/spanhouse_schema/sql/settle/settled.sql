-- Each execution as it is to be stored, but for its totals.
WITH
    -- What a span says of its calls in sum counts only where nothing below it says anything.
    SpanReports AND NOT CallsReport AND NOT BelowReports AS TellsItself,
    -- A span that runs agents and calls nothing is no agent, unless it has an agent's name and is called by something.
    execution.Kind = 'agent' AND Children > 0 AND ModelCalls + EmbeddingCalls + ToolCalls = 0 AND (empty(ParentSpanId) OR NOT AgentNamed) AS IsWrapper,
    notEmpty(execution.Kind) AS HasSpan,
    execution.Status IN ('completed', 'failed', 'cancelled') AS SpanSaysFinal
SELECT
    TenantId,
    TraceId,
    ExecutionId,
    execution.ParentExecutionId AS ParentExecutionId,
    below.RootExecutionId AS RootExecutionId,
    MergedIds,
    multiIf(IsWrapper, 'workflow', IsDeclared AND execution.Kind IN ('', 'implicit'), 'agent', HasSpan, execution.Kind, 'implicit') AS Kind,
    multiIf(HasSpan, execution.ServiceName, notEmpty(CallServiceName), CallServiceName, SaidServiceName) AS ServiceName,
    if(notEmpty(execution.AgentId), execution.AgentId, SaidAgentId) AS AgentId,
    if(notEmpty(execution.AgentName), execution.AgentName, SaidAgentName) AS AgentName,
    if(notEmpty(execution.AgentVersion), execution.AgentVersion, SaidAgentVersion) AS AgentVersion,
    multiIf(notEmpty(execution.SessionId), execution.SessionId, notEmpty(SaidSessionId), SaidSessionId, notEmpty(own.SessionId), own.SessionId, trace.SessionId) AS SessionId,
    multiIf(notEmpty(execution.UserId), execution.UserId, notEmpty(SaidUserId), SaidUserId, notEmpty(own.UserId), own.UserId, trace.UserId) AS UserId,
    multiIf(notEmpty(execution.ClientAccountId), execution.ClientAccountId, notEmpty(SaidClientAccountId), SaidClientAccountId, notEmpty(own.ClientAccountId), own.ClientAccountId, trace.ClientAccountId) AS ClientAccountId,
    multiIf(notEmpty(execution.EngagementId), execution.EngagementId, notEmpty(SaidEngagementId), SaidEngagementId, notEmpty(own.EngagementId), own.EngagementId, trace.EngagementId) AS EngagementId,
    multiIf(notEmpty(execution.CaseId), execution.CaseId, notEmpty(SaidCaseId), SaidCaseId, notEmpty(own.CaseId), own.CaseId, trace.CaseId) AS CaseId,
    multiIf(notEmpty(execution.FlowId), execution.FlowId, notEmpty(SaidFlowId), SaidFlowId, notEmpty(own.FlowId), own.FlowId, trace.FlowId) AS FlowId,
    multiIf(
        SpanSaysFinal, execution.Status,
        IsFinal, Said.1,
        execution.Status IN ('blocked', 'paused'), execution.Status,
        -- A run whose span has come has ended: what was said of it before does not count any more.
        IsDeclared AND NOT HasSpan, if(empty(Said.1), 'running', Said.1),
        execution.Cancelled, 'cancelled',
        execution.Failed, 'failed',
        -- A run that ends in a failed agent has failed, though its own span keeps silent about it.
        Kind = 'workflow' AND Children > 0, if(LastChild.1, 'failed', 'completed'),
        NOT HasSpan AND LastCallFailed, 'failed',
        'completed'
    ) AS Status,
    multiIf(notEmpty(execution.StatusMessage), execution.StatusMessage, Status = Said.1, Said.2, '') AS StatusMessage,
    multiIf(notEmpty(execution.WaitingFor), execution.WaitingFor, Status = Said.1, Said.3, '') AS WaitingFor,
    multiIf(HasSpan, execution.StartedAt, NOT IsDeclared, FirstCallAt, ModelCalls + EmbeddingCalls + ToolCalls = 0, FirstSaidAt, least(FirstCallAt, FirstSaidAt)) AS StartedAt,
    multiIf(HasSpan, execution.EndedAt, IsFinal, FinalAt, IsDeclared, NULL, LastCallAt) AS EndedAt,
    multiIf(Status != 'failed' OR notEmpty(execution.ErrorType), execution.ErrorType, notEmpty(Said.4), Said.4, notEmpty(LastChild.2), LastChild.2, LastFailedCall.1) AS ErrorType,
    multiIf(Status != 'failed' OR notEmpty(execution.ErrorMessage), execution.ErrorMessage, notEmpty(Said.5), Said.5, notEmpty(LastChild.3), LastChild.3, LastFailedCall.2) AS ErrorMessage,
    InputPreview,
    OutputPreview,
    coalesce(execution.ConfidenceScore, SaidConfidence) AS ConfidenceScore,
    if(notEmpty(execution.Outcome), execution.Outcome, SaidOutcome) AS Outcome,
    SaidProgress AS Progress,
    SaidTasksTotal AS TasksTotal,
    SaidTasksCompleted AS TasksCompleted,
    if(IsDeclared, LastEventAt, NULL) AS LastEventAt,
    if(IsDeclared, fromUnixTimestamp64Milli(toUnixTimestamp64Milli(toDateTime64(execution.LastEventAt, 3)) + toInt64(ExpiresInS * 1000)), NULL) AS ExpiresAt,
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
    UnpricedCalls,
    -- What a run says of its cost in sum counts as its usage does.
    isNull(CalledCostUSD) AND NOT BelowHasCost AND ((isNotNull(ReportedCostUSD) AND Kind != 'implicit') OR TellsItself) AS TellsItsCost,
    if(TellsItsCost, execution.CostUSD, CalledCostUSD) AS CostUSD,
    if(TellsItsCost, execution.CostSources, CalledCostSources) AS CostSources,
    TellsItself,
    execution.Provider AS Provider,
    execution.Model AS Model
FROM execution
INNER JOIN below USING (TenantId, TraceId, ExecutionId)
LEFT JOIN context AS own USING (TenantId, TraceId, ExecutionId)
LEFT JOIN (SELECT * EXCEPT ExecutionId FROM context WHERE empty(ExecutionId)) AS trace USING (TenantId, TraceId);
