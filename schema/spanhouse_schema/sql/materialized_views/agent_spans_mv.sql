-- Reads each span by the conventions: `{AgentName}` and its like are how their tables spell that concept.
-- `Said` is what the span says, by the conventions' numbers (conventions/sql.py). On otel_traces, so that a span is read alike
-- whoever wrote it there. No function here can throw, whatever a client sends.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.agent_spans_mv TO spanhouse.agent_spans AS
WITH
    -- What a span says of its tokens: the whole, and parts of it that the whole includes.
    Counts[1] AS WholeInput,
    Counts[2] AS UncachedInput,
    Counts[3] AS CacheRead,
    Counts[4] AS CacheWrite,
    Counts[5] AS WholeOutput,
    Counts[6] AS UnreasonedOutput,
    Counts[7] AS Reasoning,
    ifNull(CacheRead, 0) + ifNull(CacheWrite, 0) AS Cached,
    ifNull(Cached > WholeInput OR Reasoning > WholeOutput, false) AS Inconsistent
SELECT
    TenantId,
    TraceId,
    SpanId,
    ParentSpanId,
    Timestamp AS StartedAt,
    if(EndIsKnown, otlp_end(Timestamp, Duration), NULL) AS EndedAt,
    IngestedAt,
    ServiceName,
    cityHash64(
        ServiceName,
        ResourceAttributes['service.namespace'],
        ResourceAttributes['service.instance.id'],
        ResourceAttributes['host.name'],
        ResourceAttributes['k8s.pod.uid'],
        ResourceAttributes['process.pid']
    ) AS Process,
    SpanName,
    ScopeName,
    Kind,

    {AgentId} AS AgentId,
    firstNonDefault(
        SaidAgentName,
        SaidChainAgentName,
        replaceRegexpOne(SpanName, '(?s)^(?:invoke_agent|invoke_workflow) (.+)$|^agent_run \\[(.+)\\]$|^(.+)\\.(?:run|agent|workflow|kickoff)$', '\\1\\2\\3')
    ) AS AgentName,
    notEmpty(SaidAgentName) OR notEmpty(SaidChainAgentName) AS AgentNamed,
    {AgentVersion} AS AgentVersion,
    firstNonDefault({SessionId}, {SessionId of ResourceAttributes}) AS SessionId,
    firstNonDefault({UserId}, {UserId of ResourceAttributes}) AS UserId,
    firstNonDefault({ClientAccountId}, {ClientAccountId of ResourceAttributes}) AS ClientAccountId,
    firstNonDefault({EngagementId}, {EngagementId of ResourceAttributes}) AS EngagementId,
    {CaseId} AS CaseId,
    {FlowId} AS FlowId,

    firstNonDefault(execution_status(SaidStatus), if(Ending = 'paused', 'paused', '')) AS Status,
    firstNonDefault({StatusMessage}, if(SaidStatus IN ('thinking', 'waiting_for_llm'), SaidStatus, '')) AS StatusMessage,
    {WaitingFor} AS WaitingFor,
    {Outcome} AS Outcome,
    execution_number({ConfidenceScore}, 1) AS ConfidenceScore,
    multiIf(
        Ending IN ('paused', 'handed over'), false,
        Ending = 'cancelled', true,
        StatusCode = 'Error'
            OR lower({Failed}) IN ('true', 'error')
            OR (Kind IN ('model', 'embedding', 'tool') AND notEmpty(SaidErrorType))
            OR (notEmpty({LangSmithKind}) AND has(`Events.Name`, 'exception'))
            OR arrayExists(result -> tool_result_failed(result), if(Kind = 'tool', [SaidResult], []))
    ) AS Failed,
    Ending = 'cancelled' AS Cancelled,
    StatusCode = 'Ok' AND NOT Failed AS SaysOk,
    firstNonDefault(SaidErrorType, Exception['exception.type'], if(SaidStatus = 'timeout', 'timeout', '')) AS ErrorType,
    substringUTF8(firstNonDefault(SaidErrorMessage, StatusCodeMessage, Exception['exception.message']), 1, 1000) AS ErrorMessage,

    {Provider} AS Provider,
    {RequestModel} AS RequestModel,
    {ResponseModel} AS ResponseModel,
    {ResponseId} AS ResponseId,
    ifNull(toUInt64(WholeInput - if(Inconsistent, 0, Cached)), UncachedInput) AS InputTokens,
    CacheRead AS CacheReadTokens,
    CacheWrite AS CacheWriteTokens,
    ifNull(toUInt64(WholeOutput - if(Inconsistent, 0, ifNull(Reasoning, 0))), UnreasonedOutput) AS OutputTokens,
    Reasoning AS ReasoningTokens,
    Inconsistent AS TokensInconsistent,
    if(SaidCost >= 0, SaidCost, NULL) AS ReportedCostUSD,

    firstNonDefault({ToolName}, replaceRegexpOne(SpanName, '(?s)^execute_tool (.+)$|^(?:.* )?tools/call (.+)$|^(.+)\\.(?:run|tool|__call__)$', '\\1\\2\\3')) AS ToolName,
    {ToolCallId} AS ToolCallId,
    if(Kind = 'tool', substringUTF8(firstNonDefault({ToolArguments}, SaidInput), 1, 200), '') AS ToolArgumentsPreview,
    if(Kind = 'tool', substringUTF8(SaidResult, 1, 200), '') AS ToolResultPreview,
    substringUTF8(firstNonDefault(SaidInput, `Events.Attributes`[indexOf(`Events.Name`, 'gen_ai.user.message')]['content']), 1, 200) AS InputPreview,
    substringUTF8(firstNonDefault(SaidOutput, `Events.Attributes`[indexOf(`Events.Name`, 'gen_ai.choice')]['message']), 1, 200) AS OutputPreview
FROM
(
    -- What more than one column is made of.
    SELECT
        *,
        -- A chain that has its agent's name is that agent.
        replaceOne({Kind}, 'chain', if(SaidChainAgentName = SpanName AND notEmpty(SaidChainAgentName), 'agent', 'chain')) AS Kind,
        {AgentName} AS SaidAgentName,
        {ChainAgentName} AS SaidChainAgentName,
        lower({Status}) AS SaidStatus,
        {ErrorType} AS SaidErrorType,
        {Input} AS SaidInput,
        {Output} AS SaidOutput,
        firstNonDefault({ToolResult}, {Output}) AS SaidResult,
        {ErrorMessage} AS SaidErrorMessage,
        -- What was raised, and what it says: see conventions/endings.py. A span that says it is fine may tell of what it handled,
        -- but not by error.type; and LangSmith marks a failed run with an exception, and as OK.
        arrayMap(raised -> {Ending}, [if(StatusCode = 'Ok' AND empty(concat({LangSmithKind}, SaidErrorType)), '', lower(concat(
            '\x1e', SaidErrorType, '\x1f', Exception['exception.type'], '\x1f', {EndedAs}, '\x1fgrpc ', {GrpcStatus}, '\x1f',
            '\x1e', SaidErrorMessage, '\x1e', StatusCodeMessage, '\x1e', Exception['exception.message'], '\x1e'
        )))])[1] AS Ending,
        toDecimal64OrNull(agent_number({ReportedCostUSD}), 12) AS SaidCost,
        -- Chains and other spans use none.
        if(Kind IN ('other', 'chain'), [], arrayMap(texts -> otlp_count(agent_number(texts)), [
            {InputTokens},
            {UncachedInputTokens},
            {CacheReadTokens},
            {CacheWriteTokens},
            {OutputTokens},
            {UnreasonedOutputTokens},
            {ReasoningTokens}
        ])) AS Counts
    FROM
    (
        SELECT
            TenantId, TraceId, SpanId, ParentSpanId, Timestamp, Duration, EndIsKnown, IngestedAt, ServiceName, SpanName, ScopeName,
            StatusCode, StatusMessage AS StatusCodeMessage, ResourceAttributes, `Events.Name`, `Events.Attributes`,
            `Events.Attributes`[arrayLastIndex(name -> name = 'exception', `Events.Name`)] AS Exception,
            {Said} AS Said
        FROM spanhouse.otel_traces
        -- Logfire announces each span by another one, with an id of its own.
        WHERE SpanAttributes['logfire.span_type'] != 'pending_span'
    )
);
