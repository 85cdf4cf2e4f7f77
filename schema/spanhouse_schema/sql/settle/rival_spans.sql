-- What the spans say that `rivals` names.
SELECT
    TenantId,
    TraceId,
    SpanId,
    ParentSpanId,
    StartedAt,
    EndedAt,
    FromLog,
    ServiceName,
    SessionId,
    ScopeName,
    cityHash64(ScopeName, replaceOne(SpanName, RequestModel, '')) AS Signature,
    Process,
    Failed,
    Provider,
    RequestModel,
    ResponseModel,
    ResponseId,
    InputTokens,
    CacheReadTokens,
    CacheWriteTokens,
    OutputTokens,
    ReasoningTokens,
    WholeInputTokens,
    WholeOutputTokens,
    TotalTokens,
    UsageParts,
    ServiceTier,
    toBool(notEmpty(UnreadUsage)) AS HasUnread,
    ReportedCostUSD,
    -- Of all that what becomes of the trace of another depends on.
    cityHash64(toString((
        TraceId, SpanId, ParentSpanId, StartedAt, EndedAt, Signature, Process, Failed, Provider, RequestModel, ResponseModel, InputTokens,
        CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens, WholeInputTokens, WholeOutputTokens, TotalTokens, UsageParts,
        ServiceTier, HasUnread, ReportedCostUSD
    ))) AS Hash
FROM spanhouse.agent_spans
WHERE (TenantId, TraceId, SpanId) IN (SELECT TenantId, TraceId, SpanId FROM rivals)
-- Of one that came in several states, the latest.
ORDER BY EndedAt DESC NULLS LAST, StartedAt DESC, SpanName DESC, Hash DESC
LIMIT 1 BY TenantId, TraceId, SpanId;
