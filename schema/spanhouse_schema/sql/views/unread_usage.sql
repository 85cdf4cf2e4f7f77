-- One row is one name under which an emitter tells of usage and which no convention reads, over all spans that are kept.
-- Read by analysts, who learn which figures lack something, and by `spanhouse conventions suggest`.
-- `emitter` is the instrumentation scope, or the service if there is none. A name inside JSON is `attribute: key`.
-- A span counts once, in its latest state that tells any; most spans tell none, and of those only the sizes of an array are read.
CREATE OR REPLACE VIEW spanhouse.unread_usage AS
SELECT
    TenantId AS tenant_id,
    Emitter AS emitter,
    Name AS name,
    usage_looks_like(Name) AS looks_like,
    countIf(Occurrence = 1) AS spans,
    -- NULL if 64 bits cannot hold it.
    known_tokens(sum(toInt128(Tokens)), 1) AS tokens,
    min(FirstSeen) AS first_seen,
    max(LastSeen) AS last_seen,
    argMax((TraceId, SpanId), (LastSeen, TraceId, SpanId)).1 AS example_trace_id,
    argMax((TraceId, SpanId), (LastSeen, TraceId, SpanId)).2 AS example_span_id
FROM
(
    SELECT
        TenantId,
        TraceId,
        SpanId,
        argMax(
            (firstNonDefault(toString(ScopeName), toString(ServiceName)), UnreadUsage.Name, UnreadUsage.Tokens),
            (isNotNull(EndedAt), ifNull(EndedAt, StartedAt), StartedAt, IngestedAt)
        ) AS Latest,
        Latest.1 AS Emitter,
        Latest.2 AS Names,
        Latest.3 AS Counts,
        min(IngestedAt) AS FirstSeen,
        max(IngestedAt) AS LastSeen
    FROM spanhouse.agent_spans
    WHERE notEmpty(UnreadUsage)
    GROUP BY TenantId, TraceId, SpanId
)
ARRAY JOIN
    Names AS Name,
    Counts AS Tokens,
    -- JSON may have one name at several places.
    arrayEnumerateUniq(Names) AS Occurrence
GROUP BY tenant_id, emitter, name;
