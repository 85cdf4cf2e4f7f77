-- Reads each span by the conventions: `{AgentName}` and its like are how their tables spell that concept.
-- `Said` is what the span says, by the conventions' numbers (conventions/sql.py). On otel_traces, so that a span is read alike
-- whoever wrote it there. No function here can throw, whatever a client sends.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.agent_spans_mv TO spanhouse.agent_spans AS
WITH
    Counts[1] AS WholeInputTokens,
    Counts[2] AS InputTokens,
    Counts[3] AS CacheReadTokens,
    Counts[4] AS CacheWriteTokens,
    Counts[5] AS WholeOutputTokens,
    Counts[6] AS OutputTokens,
    Counts[7] AS ReasoningTokens,
    Counts[8] AS TotalTokens
SELECT
    TenantId,
    TraceId,
    SpanId,
    ParentSpanId,
    Timestamp AS StartedAt,
    if(EndIsKnown, otlp_end(Timestamp, Duration), NULL) AS EndedAt,
    IngestedAt,
    ServiceName,
    emitting_process(ServiceName, ResourceAttributes) AS Process,
    SpanName,
    ScopeName,
    -- A chain that has its agent's name is that agent. A span that no rule fits may tell of a call if it tells of usage: the settling
    -- finds out.
    multiIf(
        SaidKind = 'chain' AND SaidChainAgentName = SpanName AND notEmpty(SpanName), 'agent',
        notEmpty(SaidKind), SaidKind,
        arrayExists(count -> count > 0, Counts), 'usage',
        'other'
    ) AS Kind,
    false AS FromLog,

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
            OR lower({Failed}) IN ('true', 'error', 'failed')
            OR (Kind IN ('model', 'embedding', 'tool', 'usage') AND notEmpty(SaidErrorType))
            OR (notEmpty({LangSmithKind}) AND has(`Events.Name`, 'exception'))
            -- To parse is dear, and all that tells of a failure has these letters.
            OR arrayExists(result -> tool_result_failed(result), if(SaidKind = 'tool' AND position(SaidResult, 'rror') > 0, [SaidResult], []))
    ) AS Failed,
    Ending = 'cancelled' AS Cancelled,
    StatusCode = 'Ok' AS SaysOk,
    firstNonDefault(SaidErrorType, Exception['exception.type'], if(SaidStatus = 'timeout', 'timeout', '')) AS ErrorType,
    substringUTF8(firstNonDefault(SaidErrorMessage, StatusCodeMessage, Exception['exception.message']), 1, 1000) AS ErrorMessage,

    {Provider} AS Provider,
    {RequestModel} AS RequestModel,
    {ResponseModel} AS ResponseModel,
    {ResponseId} AS ResponseId,
    WholeInputTokens,
    InputTokens,
    CacheReadTokens,
    CacheWriteTokens,
    WholeOutputTokens,
    OutputTokens,
    ReasoningTokens,
    TotalTokens,
    mapFilter((name, count) -> count > 0, mapFromArrays({PartNames}, arrayMap(count -> ifNull(count, 0), arraySlice(Counts, 9)))) AS UsageParts,
    firstNonDefault({ServiceTier}, agent_tier(Usage)) AS ServiceTier,
    -- What is told under one name that is read, and under another that is not, is no news.
    arrayMap(told -> arrayFilter(
        each -> each.2 > 0 AND NOT agent_usage_is_other(each.1) AND NOT has(
            multiIf(
                match(each.1, '(?i)cach'), arrayConcat([told[3], told[4], told[3] + told[4]], arraySlice(told, 9)),
                match(each.1, '(?i)reason|thought|think'), [told[7]],
                match(each.1, '(?i)audio|image|video|predict|tool|citation|search|priority|flex'), arraySlice(told, 9),
                arrayConcat(told, [told[1] + told[3] + told[4], told[2] + told[3] + told[4], told[5] + told[7], told[6] + told[7], told[1] + told[5]])
            ),
            each.2
        ),
        arrayMap(
            each -> (each.1, ifNull(otlp_count(each.2), 0)),
            arrayConcat(
                arrayFilter(each -> each.1 NOT IN {UsageNames}, Usage),
                arrayFlatten(arrayMap(
                    each -> if(startsWith(each.2, '{'), agent_numbers_inside(each.1, each.2), []),
                    arrayConcat(Usage, {UsageInside})
                ))
            )
        )
    ), [arrayMap(count -> ifNull(count, 0), Counts)])[1] AS UnreadUsage,
    -- What is less than the column can say is not nothing.
    if(SaidCost > 0 OR toFloat64OrNull(SaidCostText) = 0, SaidCost, NULL) AS ReportedCostUSD,

    firstNonDefault({ToolName}, replaceRegexpOne(SpanName, '(?s)^execute_tool (.+)$|^(?:.* )?tools/call (.+)$|^(.+)\\.(?:run|tool|__call__)$', '\\1\\2\\3')) AS ToolName,
    {ToolCallId} AS ToolCallId,
    if(SaidKind = 'tool', substringUTF8(firstNonDefault({ToolArguments}, SaidInput), 1, 200), '') AS ToolArgumentsPreview,
    if(SaidKind = 'tool', substringUTF8(SaidResult, 1, 200), '') AS ToolResultPreview,
    substringUTF8(firstNonDefault(SaidInput, `Events.Attributes`[indexOf(`Events.Name`, 'gen_ai.user.message')]['content']), 1, 200) AS InputPreview,
    substringUTF8(firstNonDefault(SaidOutput, `Events.Attributes`[indexOf(`Events.Name`, 'gen_ai.choice')]['message']), 1, 200) AS OutputPreview
FROM
(
    -- What more than one column is made of.
    SELECT
        *,
        {Kind} AS SaidKind,
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
        agent_number({ReportedCostUSD}) AS SaidCostText,
        toDecimal64OrNull(SaidCostText, 12) AS SaidCost,
        arrayMap(texts -> agent_count(texts), [
            {InputTokens},
            {UncachedInputTokens},
            {CacheReadTokens},
            {CacheWriteTokens},
            {OutputTokens},
            {UnreasonedOutputTokens},
            {ReasoningTokens},
            arrayConcat({TotalTokens}, arrayMap(each -> agent_total(each.1, each.2), Usage)),
            {Parts}
        ]) AS Counts,
        -- What may be usage by its name.
        arrayFilter(each -> multiSearchAnyCaseInsensitive(each.1, ['token', 'usage', 'service_tier', 'servicetier']), CAST(SpanAttributes AS Array(Tuple(String, String)))) AS Usage
    FROM
    (
        SELECT
            TenantId, TraceId, SpanId, ParentSpanId, Timestamp, Duration, EndIsKnown, IngestedAt, ServiceName, SpanName, ScopeName,
            StatusCode, StatusMessage AS StatusCodeMessage, SpanAttributes, ResourceAttributes, `Events.Name`, `Events.Attributes`,
            `Events.Attributes`[arrayLastIndex(name -> name = 'exception', `Events.Name`)] AS Exception,
            {Said} AS Said
        FROM spanhouse.otel_traces
        -- Logfire announces each span by another one, with an id of its own.
        WHERE SpanAttributes['logfire.span_type'] != 'pending_span'
    )
);
