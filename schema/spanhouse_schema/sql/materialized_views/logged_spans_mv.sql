-- Reads a log record that tells of a call as if it were the call's span. A record without a trace is one of a trace that its session and
-- prompt name, or else its session and hour: a trace is settled whole, and a session may go on for days. Its id is a hash of all that it
-- says: the same record again is the same span. No function here can throw, whatever a client sends.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.logged_spans_mv TO spanhouse.agent_spans AS
SELECT
    TenantId,
    TraceId,
    Id AS SpanId,
    if(notEmpty(RecordTraceId) AND notEmpty(RecordSpanId), RecordSpanId, substring(TraceId, 1, 16)) AS ParentSpanId,
    fromUnixTimestamp64Nano(EndNs - if(LastedNs <= EndNs, LastedNs, 0)) AS StartedAt,
    Timestamp AS EndedAt,
    IngestedAt,
    ServiceName,
    emitting_process(ServiceName, ResourceAttributes) AS Process,
    Name AS SpanName,
    ScopeName,
    {LoggedKinds}[Rule] AS Kind,
    true AS FromLog,

    '' AS AgentId,
    {LoggedAgents}[Rule] AS AgentName,
    true AS AgentNamed,
    '' AS AgentVersion,
    SessionId,
    firstNonDefault({UserId in logs}, {UserId of ResourceAttributes}) AS UserId,
    firstNonDefault({ClientAccountId of LogAttributes}, {ClientAccountId of ResourceAttributes}) AS ClientAccountId,
    firstNonDefault({EngagementId of LogAttributes}, {EngagementId of ResourceAttributes}) AS EngagementId,
    {CaseId of LogAttributes} AS CaseId,
    {FlowId of LogAttributes} AS FlowId,

    '' AS Status,
    '' AS StatusMessage,
    '' AS WaitingFor,
    '' AS Outcome,
    CAST(NULL AS Nullable(Float64)) AS ConfidenceScore,
    SaysFailed AND Ending NOT IN ('paused', 'handed over') AS Failed,
    Ending = 'cancelled' AS Cancelled,
    false AS SaysOk,
    SaidErrorType AS ErrorType,
    substringUTF8(SaidErrorMessage, 1, 1000) AS ErrorMessage,

    '' AS Provider,
    if(Kind = 'model', Model, '') AS RequestModel,
    '' AS ResponseModel,
    if(Kind = 'model', {ResponseId in logs}, '') AS ResponseId,
    Counts[1] AS WholeInputTokens,
    Counts[2] AS InputTokens,
    Counts[3] AS CacheReadTokens,
    Counts[4] AS CacheWriteTokens,
    Counts[5] AS WholeOutputTokens,
    CAST(NULL AS Nullable(UInt64)) AS OutputTokens,
    Counts[6] AS ReasoningTokens,
    Counts[7] AS TotalTokens,
    mapFilter(
        (name, count) -> count > 0,
        map('cache_write_5m_tokens', ifNull(Counts[8], 0), 'cache_write_1h_tokens', ifNull(Counts[9], 0))
    ) AS UsageParts,
    '' AS ServiceTier,
    arrayFilter(
        each -> Kind = 'model' AND each.2 > 0 AND NOT agent_usage_is_other(each.1),
        arrayMap(
            each -> (each.1, ifNull(otlp_count(each.2), 0)),
            CAST(mapFilter(
                (name, text) -> multiSearchAnyCaseInsensitive(name, ['token', 'usage']) AND name NOT IN {LoggedUsageNames},
                LogAttributes
            ) AS Array(Tuple(String, String)))
        )
    ) AS UnreadUsage,
    Cost AS ReportedCostUSD,

    Tool AS ToolName,
    {ToolCallId in logs} AS ToolCallId,
    substringUTF8({ToolArguments in logs}, 1, 200) AS ToolArgumentsPreview,
    substringUTF8({ToolResult in logs}, 1, 200) AS ToolResultPreview,
    '' AS InputPreview,
    '' AS OutputPreview
FROM
(
    SELECT
        *,
        firstNonDefault(
            RecordTraceId,
            lower(hex(sipHash128(
                ServiceName,
                SessionId,
                firstNonDefault({PromptId in logs}, if(notEmpty(SessionId), toString(intDiv(EndNs, 3600000000000)), Id))
            )))
        ) AS TraceId,
        -- A cost below the column's resolution is not zero.
        if(SaidCost > 0 OR toFloat64OrNull(CostText) = 0, SaidCost, NULL) AS Cost,
        notEmpty(SaidErrorType) OR notEmpty(SaidErrorMessage) OR Success = 'false' AS SaysFailed,
        arrayMap(
            raised -> {Ending},
            [lower(concat('\x1e', SaidErrorType, '\x1f\x1e', SaidErrorMessage, '\x1e'))]
        )[1] AS Ending
    FROM
    (
        SELECT
            TenantId, IngestedAt, Timestamp, TraceId AS RecordTraceId, SpanId AS RecordSpanId, ServiceName, ScopeName, ResourceAttributes,
            LogAttributes, Name, Rule,
            lower(hex(sipHash64(
                Timestamp, RecordTraceId, RecordSpanId, EventName, Body, mapSort(LogAttributes), mapSort(ResourceAttributes)
            ))) AS Id,
            toUnixTimestamp64Nano(Timestamp) AS EndNs,
            -- No call takes more than ten days.
            ifNull(accurateCastOrNull(floor(execution_number({DurationMs in logs}, 864000000) * 1000000), 'Int64'), 0) AS LastedNs,
            firstNonDefault({SessionId in logs}, {SessionId of ResourceAttributes}) AS SessionId,
            {RequestModel in logs} AS Model,
            {ToolName in logs} AS Tool,
            lower({Success in logs}) AS Success,
            firstNonDefault(
                {ErrorType in logs},
                if(toUInt16OrZero({HttpStatus in logs}) >= 400, {HttpStatus in logs}, '')
            ) AS SaidErrorType,
            {ErrorMessage in logs} AS SaidErrorMessage,
            arrayMap(texts -> agent_count(texts), [
                {InputTokens in logs},
                {UncachedInputTokens in logs},
                {CacheReadTokens in logs},
                {CacheWriteTokens in logs},
                {OutputTokens in logs},
                {ReasoningTokens in logs},
                {TotalTokens in logs},
                {CacheWrite5mTokens in logs},
                {CacheWrite1hTokens in logs}
            ]) AS Counts,
            agent_number({ReportedCostUSD in logs}) AS CostText,
            toDecimal64OrNull(CostText, 12) AS SaidCost
        FROM
        (
            SELECT *, {LoggedCall} AS Rule
            FROM
            (
                SELECT *, firstNonDefault(EventName, LogAttributes['event.name'], LogAttributes['event_name']) AS Name
                FROM spanhouse.logged_calls
            )
        )
        WHERE Rule != 0 AND LogAttributes[{LoggedWhere}[Rule]] = {LoggedValues}[Rule]
    )
)
WHERE if(
    Kind = 'tool',
    notEmpty(Tool),
    notEmpty(Model) AND (SaysFailed OR isNotNull(Cost) OR arrayExists(count -> isNotNull(count), Counts))
);
