-- What leads from a model's response, or from a call of one that failed, to the spans that tell of it.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.response_ids_mv TO spanhouse.response_ids AS
SELECT
    TenantId,
    arrayJoin(response_keys(ResponseId, Failed, Process, StartedAt, ifNull(EndedAt, StartedAt), FromLog, ScopeName, ServiceName, SessionId)) AS ResponseId,
    TraceId,
    SpanId,
    StartedAt,
    IngestedAt
FROM spanhouse.agent_spans
WHERE Kind = 'model';
