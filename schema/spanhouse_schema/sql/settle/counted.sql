-- What counts: calls, and (IsRun) the spans of runs. Where several spans tell of one thing, what they say together, the outermost
-- first. A chain is a run only where it is topmost and something counts below it; a trace's root, where nothing else is above a call.
CREATE TEMPORARY TABLE counted AS
SELECT
    TenantId,
    TraceId,
    CountedId,
    IsRun,
    arraySort(groupArrayIf(part.SpanId, NOT IsTop)) AS MergedIds,
    anyIf(toString(part.Kind), IsTop) AS TopKind,
    multiIf(NOT IsRun OR TopKind IN ('agent', 'workflow'), TopKind, TopKind = 'chain', 'workflow', 'implicit') AS Kind,
    if(IsRun, CountedId, anyIf(part.ExecutionId, IsTop)) AS ExecutionId,
    if(IsRun AND Kind != 'implicit', anyIf(part.ParentExecutionId, IsTop), '') AS ParentExecutionId,
    anyIf(part.ParentSpanId, IsTop) AS ParentSpanId,
    anyIf(part.RootId, IsTop) AS RootId,
    anyIf(part.StartedAt, IsTop) AS StartedAt,
    anyIf(part.EndedAt, IsTop) AS EndedAt,
    -- Of a tool's spans an inner one may be the only one that says so; a model's outer span knows of its retries.
    if(TopKind IN ('model', 'embedding'), anyIf(part.Failed, IsTop), max(part.Failed)) AS Failed,
    max(part.Cancelled) AS Cancelled,
    max(part.AgentNamed) AS AgentNamed,
    toUInt32(if(TopKind = 'model', greatest(countIf(part.IsInnermost), 1) - 1, 0)) AS Retries,
    argMinIf(part.ConfidenceScore, Place, isNotNull(part.ConfidenceScore)) AS ConfidenceScore,
    -- The usage of the span that tells most of it.
    argMax(tuple(part.InputTokens, part.CacheReadTokens, part.CacheWriteTokens, part.OutputTokens, part.ReasoningTokens), (Told, IsTop, part.StartedAt, part.SpanId)) AS Usage,
    max(part.TokensInconsistent) AS TokensInconsistent,
    argMinIf(part.ReportedCostUSD, Place, isNotNull(part.ReportedCostUSD)) AS ReportedCostUSD,
    argMinIf(part.ServiceName, Place, notEmpty(part.ServiceName)) AS ServiceName,
    argMinIf(part.AgentId, Place, notEmpty(part.AgentId)) AS AgentId,
    argMinIf(part.AgentName, Place, notEmpty(part.AgentName)) AS AgentName,
    argMinIf(part.AgentVersion, Place, notEmpty(part.AgentVersion)) AS AgentVersion,
    argMinIf(part.SessionId, Place, notEmpty(part.SessionId)) AS SessionId,
    argMinIf(part.UserId, Place, notEmpty(part.UserId)) AS UserId,
    argMinIf(part.ClientAccountId, Place, notEmpty(part.ClientAccountId)) AS ClientAccountId,
    argMinIf(part.EngagementId, Place, notEmpty(part.EngagementId)) AS EngagementId,
    argMinIf(part.CaseId, Place, notEmpty(part.CaseId)) AS CaseId,
    argMinIf(part.FlowId, Place, notEmpty(part.FlowId)) AS FlowId,
    argMinIf(part.Status, Place, notEmpty(part.Status)) AS Status,
    argMinIf(part.StatusMessage, Place, notEmpty(part.StatusMessage)) AS StatusMessage,
    argMinIf(part.WaitingFor, Place, notEmpty(part.WaitingFor)) AS WaitingFor,
    argMinIf(part.Outcome, Place, notEmpty(part.Outcome)) AS Outcome,
    argMinIf(part.ErrorType, Place, notEmpty(part.ErrorType)) AS ErrorType,
    argMinIf(part.ErrorMessage, Place, notEmpty(part.ErrorMessage)) AS ErrorMessage,
    argMinIf(part.Provider, Place, notEmpty(part.Provider)) AS Provider,
    argMinIf(part.RequestModel, Place, notEmpty(part.RequestModel)) AS RequestModel,
    argMinIf(part.ResponseModel, Place, notEmpty(part.ResponseModel)) AS ResponseModel,
    argMinIf(part.ResponseId, Place, notEmpty(part.ResponseId)) AS ResponseId,
    argMinIf(part.ToolName, Place, notEmpty(part.ToolName)) AS ToolName,
    argMinIf(part.ToolCallId, Place, notEmpty(part.ToolCallId)) AS ToolCallId,
    argMinIf(part.ToolArgumentsPreview, Place, notEmpty(part.ToolArgumentsPreview)) AS ToolArgumentsPreview,
    argMinIf(part.ToolResultPreview, Place, notEmpty(part.ToolResultPreview)) AS ToolResultPreview,
    argMinIf(part.InputPreview, Place, notEmpty(part.InputPreview)) AS InputPreview,
    argMinIf(part.OutputPreview, Place, notEmpty(part.OutputPreview)) AS OutputPreview
FROM
(
    SELECT
        *,
        SpanId = CountedId AS IsTop,
        (NOT IsTop, StartedAt, SpanId) AS Place,
        isNotNull(InputTokens) + isNotNull(CacheReadTokens) + isNotNull(CacheWriteTokens) + isNotNull(OutputTokens) + isNotNull(ReasoningTokens) AS Told
    FROM
    (
        SELECT * FROM call_part
        WHERE (TenantId, TraceId, CountedId) NOT IN (SELECT TenantId, TraceId, CountedId FROM lost)
        UNION ALL
        SELECT *, true AS IsRun, if(Kind IN ('agent', 'workflow'), TopId, SpanId) AS CountedId
        FROM part
        WHERE Kind IN ('agent', 'workflow') OR (TenantId, TraceId, SpanId) IN
        (
            SELECT TenantId, TraceId, ExecutionId FROM call_part
            WHERE (TenantId, TraceId, CountedId) NOT IN (SELECT TenantId, TraceId, CountedId FROM lost)
            UNION ALL
            SELECT TenantId, TraceId, ParentExecutionId FROM part WHERE Kind IN ('agent', 'workflow')
        )
    )
) AS part
GROUP BY TenantId, TraceId, CountedId, IsRun;
