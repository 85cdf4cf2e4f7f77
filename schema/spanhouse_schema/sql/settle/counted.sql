-- What counts: calls, and (IsRun) runs. Where several spans tell of one thing, what they say together, the outermost first.
SELECT
    TenantId, TraceId, CountedId, IsRun,
    [] AS MergedIds,
    toString(Kind) AS TopKind,
    multiIf(NOT IsRun OR Kind IN ('agent', 'workflow'), TopKind, Kind = 'chain', 'workflow', 'implicit') AS CountedKind,
    if(IsRun, CountedId, ExecutionId) AS ExecutionId,
    if(CountedKind IN ('agent', 'workflow'), ParentExecutionId, '') AS ParentExecutionId,
    ParentSpanId, RootId, StartedAt, EndedAt, Failed, Cancelled, AgentNamed,
    toUInt32(0) AS Retries,
    ConfidenceScore,
    (InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens) AS Usage,
    TokensInconsistent, ReportedCostUSD,
    ServiceName, AgentId, AgentName, AgentVersion, SessionId, UserId, ClientAccountId, EngagementId, CaseId, FlowId, Status, StatusMessage, WaitingFor, Outcome, ErrorType, ErrorMessage, Provider, RequestModel, ResponseModel, ResponseId, ToolName, ToolCallId, ToolArgumentsPreview, ToolResultPreview, InputPreview, OutputPreview
FROM telling
WHERE (TenantId, TraceId, CountedId, IsRun) NOT IN (SELECT TenantId, TraceId, CountedId, IsRun FROM telling WHERE SpanId != CountedId)
UNION ALL
SELECT
    TenantId, TraceId, CountedId, IsRun,
    arraySort(groupArrayIf(telling.SpanId, NOT IsTop)) AS MergedIds,
    anyIf(toString(telling.Kind), IsTop) AS TopKind,
    multiIf(NOT IsRun OR TopKind IN ('agent', 'workflow'), TopKind, TopKind = 'chain', 'workflow', 'implicit') AS CountedKind,
    if(IsRun, CountedId, anyIf(telling.ExecutionId, IsTop)) AS ExecutionId,
    if(CountedKind IN ('agent', 'workflow'), anyIf(telling.ParentExecutionId, IsTop), '') AS ParentExecutionId,
    anyIf(telling.ParentSpanId, IsTop) AS ParentSpanId,
    anyIf(telling.RootId, IsTop) AS RootId,
    anyIf(telling.StartedAt, IsTop) AS StartedAt,
    anyIf(telling.EndedAt, IsTop) AS EndedAt,
    -- Of a tool's spans an inner one may be the only one that says so; a model's outer span knows of its retries.
    if(TopKind IN ('model', 'embedding'), anyIf(telling.Failed, IsTop), max(telling.Failed)) AS Failed,
    max(telling.Cancelled) AS Cancelled,
    max(telling.AgentNamed) AS AgentNamed,
    toUInt32(if(TopKind = 'model', greatest(countIf(telling.IsInnermost), 1) - 1, 0)) AS Retries,
    argMinIf(telling.ConfidenceScore, Place, isNotNull(telling.ConfidenceScore)) AS ConfidenceScore,
    -- The usage of the span that tells most of it.
    argMax(tuple(telling.InputTokens, telling.CacheReadTokens, telling.CacheWriteTokens, telling.OutputTokens, telling.ReasoningTokens), (Told, -Place)) AS Usage,
    max(telling.TokensInconsistent) AS TokensInconsistent,
    argMinIf(telling.ReportedCostUSD, Place, isNotNull(telling.ReportedCostUSD)) AS ReportedCostUSD,
    argMinIf(telling.ServiceName, Place, notEmpty(telling.ServiceName)) AS ServiceName,
    argMinIf(telling.AgentId, Place, notEmpty(telling.AgentId)) AS AgentId,
    argMinIf(telling.AgentName, Place, notEmpty(telling.AgentName)) AS AgentName,
    argMinIf(telling.AgentVersion, Place, notEmpty(telling.AgentVersion)) AS AgentVersion,
    argMinIf(telling.SessionId, Place, notEmpty(telling.SessionId)) AS SessionId,
    argMinIf(telling.UserId, Place, notEmpty(telling.UserId)) AS UserId,
    argMinIf(telling.ClientAccountId, Place, notEmpty(telling.ClientAccountId)) AS ClientAccountId,
    argMinIf(telling.EngagementId, Place, notEmpty(telling.EngagementId)) AS EngagementId,
    argMinIf(telling.CaseId, Place, notEmpty(telling.CaseId)) AS CaseId,
    argMinIf(telling.FlowId, Place, notEmpty(telling.FlowId)) AS FlowId,
    argMinIf(telling.Status, Place, notEmpty(telling.Status)) AS Status,
    argMinIf(telling.StatusMessage, Place, notEmpty(telling.StatusMessage)) AS StatusMessage,
    argMinIf(telling.WaitingFor, Place, notEmpty(telling.WaitingFor)) AS WaitingFor,
    argMinIf(telling.Outcome, Place, notEmpty(telling.Outcome)) AS Outcome,
    argMinIf(telling.ErrorType, Place, notEmpty(telling.ErrorType)) AS ErrorType,
    argMinIf(telling.ErrorMessage, Place, notEmpty(telling.ErrorMessage)) AS ErrorMessage,
    argMinIf(telling.Provider, Place, notEmpty(telling.Provider)) AS Provider,
    argMinIf(telling.RequestModel, Place, notEmpty(telling.RequestModel)) AS RequestModel,
    argMinIf(telling.ResponseModel, Place, notEmpty(telling.ResponseModel)) AS ResponseModel,
    argMinIf(telling.ResponseId, Place, notEmpty(telling.ResponseId)) AS ResponseId,
    argMinIf(telling.ToolName, Place, notEmpty(telling.ToolName)) AS ToolName,
    argMinIf(telling.ToolCallId, Place, notEmpty(telling.ToolCallId)) AS ToolCallId,
    argMinIf(telling.ToolArgumentsPreview, Place, notEmpty(telling.ToolArgumentsPreview)) AS ToolArgumentsPreview,
    argMinIf(telling.ToolResultPreview, Place, notEmpty(telling.ToolResultPreview)) AS ToolResultPreview,
    argMinIf(telling.InputPreview, Place, notEmpty(telling.InputPreview)) AS InputPreview,
    argMinIf(telling.OutputPreview, Place, notEmpty(telling.OutputPreview)) AS OutputPreview
FROM
(
    SELECT
        *,
        SpanId = CountedId AS IsTop,
        if(IsTop, 0, otlp_order(StartedAt, SpanId)) AS Place,
        isNotNull(InputTokens) + isNotNull(CacheReadTokens) + isNotNull(CacheWriteTokens) + isNotNull(OutputTokens) + isNotNull(ReasoningTokens) AS Told
    FROM telling
    WHERE (TenantId, TraceId, CountedId, IsRun) IN (SELECT TenantId, TraceId, CountedId, IsRun FROM telling WHERE SpanId != CountedId)
) AS telling
GROUP BY TenantId, TraceId, CountedId, IsRun;
