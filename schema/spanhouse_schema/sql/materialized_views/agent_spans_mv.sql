-- Reads each span by the conventions: `{AgentName}` and its like are how their tables spell that concept.
-- On otel_traces, so that a span is read alike whoever wrote it there. No function here can throw, whatever a client sends.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.agent_spans_mv TO spanhouse.agent_spans AS
WITH
    -- What a span says of its tokens: the whole, and parts of it that the whole includes.
    Kind NOT IN ('other', 'chain') AS IsUser,
    if(IsUser, SaidInput, NULL) AS WholeInput,
    if(IsUser, SaidOutput, NULL) AS WholeOutput,
    ifNull(SaidCacheRead, 0) + ifNull(SaidCacheWrite, 0) AS Cached,
    ifNull(Cached > WholeInput, false) OR ifNull(ifNull(SaidReasoning, 0) > WholeOutput, false) AS Inconsistent
SELECT
    TenantId,
    TraceId,
    SpanId,
    ParentSpanId,
    Timestamp AS StartedAt,
    otlp_end(Timestamp, Duration) AS EndedAt,
    IngestedAt,
    ServiceName,
    SpanName,
    ScopeName,
    if(SaidKind = 'chain' AND SaidChainAgentName = SpanName AND notEmpty(SaidChainAgentName), 'agent', SaidKind) AS Kind,

    SaidAgentId AS AgentId,
    multiIf(
        notEmpty(SaidAgentName), SaidAgentName,
        notEmpty(SaidChainAgentName), SaidChainAgentName,
        replaceRegexpOne(SpanName, '(?s)^(?:invoke_agent|invoke_workflow) (.+)$|^agent_run \\[(.+)\\]$|^(.+)\\.(?:run|agent|workflow|kickoff)$', '\\1\\2\\3')
    ) AS AgentName,
    notEmpty(SaidAgentName) OR notEmpty(SaidChainAgentName) AS AgentNamed,
    SaidAgentVersion AS AgentVersion,
    if(notEmpty(SaidSessionId), SaidSessionId, {SessionId of ResourceAttributes}) AS SessionId,
    if(notEmpty(SaidUserId), SaidUserId, {UserId of ResourceAttributes}) AS UserId,
    if(notEmpty(SaidClientAccountId), SaidClientAccountId, {ClientAccountId of ResourceAttributes}) AS ClientAccountId,
    if(notEmpty(SaidEngagementId), SaidEngagementId, {EngagementId of ResourceAttributes}) AS EngagementId,
    SaidCaseId AS CaseId,
    SaidFlowId AS FlowId,

    execution_status(SaidStatus) AS Status,
    if(empty(SaidStatusMessage) AND SaidStatus IN ('thinking', 'waiting_for_llm'), SaidStatus, SaidStatusMessage) AS StatusMessage,
    SaidWaitingFor AS WaitingFor,
    SaidOutcome AS Outcome,
    SaidConfidence AS ConfidenceScore,
    -- LangSmith marks a failed run with an exception, and as OK.
    StatusCode = 'Error'
        OR SaidFailed IN ('true', 'error')
        OR (Kind IN ('model', 'embedding', 'tool') AND notEmpty(SaidErrorType))
        OR (notEmpty(LangSmithKind) AND has(`Events.Name`, 'exception')) AS Failed,
    Failed AND match(lower(ErrorType), '(^|\\.)(cancell?ed(error)?|aborterror|taskcanceledexception)$') AS Cancelled,
    multiIf(notEmpty(SaidErrorType), SaidErrorType, notEmpty(ExceptionType), ExceptionType, SaidStatus = 'timeout', 'timeout', '') AS ErrorType,
    substringUTF8(multiIf(notEmpty(SaidErrorMessage), SaidErrorMessage, notEmpty(StatusCodeMessage), StatusCodeMessage, ExceptionMessage), 1, 1000) AS ErrorMessage,

    SaidProvider AS Provider,
    SaidRequestModel AS RequestModel,
    SaidResponseModel AS ResponseModel,
    SaidResponseId AS ResponseId,
    multiIf(NOT IsUser, NULL, isNull(WholeInput), SaidUncachedInput, Inconsistent, WholeInput, WholeInput - Cached) AS InputTokens,
    if(IsUser, SaidCacheRead, NULL) AS CacheReadTokens,
    if(IsUser, SaidCacheWrite, NULL) AS CacheWriteTokens,
    multiIf(NOT IsUser, NULL, isNull(WholeOutput), SaidUnreasonedOutput, Inconsistent, WholeOutput, WholeOutput - ifNull(SaidReasoning, 0)) AS OutputTokens,
    if(IsUser, SaidReasoning, NULL) AS ReasoningTokens,
    Inconsistent AS TokensInconsistent,
    if(SaidCost >= 0, SaidCost, NULL) AS ReportedCostUSD,

    if(notEmpty(SaidToolName), SaidToolName, replaceRegexpOne(SpanName, '(?s)^execute_tool (.+)$|^(?:.* )?tools/call (.+)$|^(.+)\\.(?:run|tool|__call__)$', '\\1\\2\\3')) AS ToolName,
    SaidToolCallId AS ToolCallId,
    if(Kind = 'tool', substringUTF8(if(notEmpty(SaidToolArguments), SaidToolArguments, SaidInputText), 1, 200), '') AS ToolArgumentsPreview,
    if(Kind = 'tool', substringUTF8(if(notEmpty(SaidToolResult), SaidToolResult, SaidOutputText), 1, 200), '') AS ToolResultPreview,
    substringUTF8(if(notEmpty(SaidInputText), SaidInputText, UserMessage), 1, 200) AS InputPreview,
    substringUTF8(if(notEmpty(SaidOutputText), SaidOutputText, Choice), 1, 200) AS OutputPreview
FROM
(
    SELECT
        TenantId, TraceId, SpanId, ParentSpanId, Timestamp, Duration, IngestedAt, ServiceName, SpanName, ScopeName, StatusCode,
        StatusMessage AS StatusCodeMessage, ResourceAttributes, `Events.Name`,
        {LangSmithKind} AS LangSmithKind,
        `Events.Attributes`[arrayLastIndex(name -> name = 'exception', `Events.Name`)] AS Exception,
        Exception['exception.type'] AS ExceptionType,
        Exception['exception.message'] AS ExceptionMessage,
        `Events.Attributes`[indexOf(`Events.Name`, 'gen_ai.user.message')]['content'] AS UserMessage,
        `Events.Attributes`[indexOf(`Events.Name`, 'gen_ai.choice')]['message'] AS Choice,
        {Kind} AS SaidKind,
        {AgentId} AS SaidAgentId,
        {AgentName} AS SaidAgentName,
        {ChainAgentName} AS SaidChainAgentName,
        {AgentVersion} AS SaidAgentVersion,
        {SessionId} AS SaidSessionId,
        {UserId} AS SaidUserId,
        {ClientAccountId} AS SaidClientAccountId,
        {EngagementId} AS SaidEngagementId,
        {CaseId} AS SaidCaseId,
        {FlowId} AS SaidFlowId,
        lower({Status}) AS SaidStatus,
        {StatusMessage} AS SaidStatusMessage,
        {WaitingFor} AS SaidWaitingFor,
        {Outcome} AS SaidOutcome,
        execution_number({ConfidenceScore}, 1) AS SaidConfidence,
        {Failed} AS SaidFailed,
        {ErrorType} AS SaidErrorType,
        {ErrorMessage} AS SaidErrorMessage,
        {Provider} AS SaidProvider,
        {RequestModel} AS SaidRequestModel,
        {ResponseModel} AS SaidResponseModel,
        {ResponseId} AS SaidResponseId,
        otlp_count({InputTokens}) AS SaidInput,
        otlp_count({UncachedInputTokens}) AS SaidUncachedInput,
        otlp_count({CacheReadTokens}) AS SaidCacheRead,
        otlp_count({CacheWriteTokens}) AS SaidCacheWrite,
        otlp_count({OutputTokens}) AS SaidOutput,
        otlp_count({UnreasonedOutputTokens}) AS SaidUnreasonedOutput,
        otlp_count({ReasoningTokens}) AS SaidReasoning,
        toDecimal64OrNull({ReportedCostUSD}, 12) AS SaidCost,
        {ToolName} AS SaidToolName,
        {ToolCallId} AS SaidToolCallId,
        {ToolArguments} AS SaidToolArguments,
        {ToolResult} AS SaidToolResult,
        {Input} AS SaidInputText,
        {Output} AS SaidOutputText
    FROM
    (
        SELECT * EXCEPT (Texts, Places), {Slots}
        FROM
        (
            SELECT * EXCEPT Ranked, {Places} AS Places
            FROM
            (
                SELECT
                    TenantId, TraceId, SpanId, ParentSpanId, Timestamp, Duration, IngestedAt, ServiceName, SpanName, ScopeName,
                    StatusCode, StatusMessage, ResourceAttributes, `Events.Name`, `Events.Attributes`,
                    mapValues(SpanAttributes) AS Texts,
                    {Ranked} AS Ranked
                FROM spanhouse.otel_traces
                -- Logfire announces each span by another one, with an id of its own.
                WHERE SpanAttributes['logfire.span_type'] != 'pending_span'
            )
        )
    )
);
