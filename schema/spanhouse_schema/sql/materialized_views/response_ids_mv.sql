-- The ids of responses that model spans tell of, with what must agree where two spans tell of one.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.response_ids_mv TO spanhouse.response_ids AS
SELECT
    TenantId,
    ResponseId,
    TraceId,
    SpanId,
    empty(ParentSpanId) AS IsRoot,
    cityHash64(ScopeName, SpanName) AS Signature,
    StartedAt,
    ifNull(EndedAt, StartedAt) AS EndedAt,
    if(notEmpty(ResponseModel), ResponseModel, RequestModel) AS Model,
    ifNull(InputTokens, 0) + ifNull(CacheReadTokens, 0) + ifNull(CacheWriteTokens, 0) AS InputTokens,
    ifNull(OutputTokens, 0) + ifNull(ReasoningTokens, 0) AS OutputTokens,
    IngestedAt
FROM spanhouse.agent_spans
WHERE Kind = 'model' AND notEmpty(ResponseId);
