-- The calls that another span tells of better: the same response, read by another instrumentation, beside this one or in another
-- trace. Ids repeat where tests and caches answer, so that model, usage and time must agree too; and what one instrumentation
-- tells twice are two calls. A failed call has no response: there the other's span must be around it in time, beside it.
CREATE TEMPORARY TABLE lost AS
WITH told AS
(
    SELECT
        TenantId, ResponseId, TraceId, SpanId, TopId, CountedId, Signature,
        (empty(ParentSpanId), StartedAt, TraceId, SpanId) AS Place,
        ifNull(EndedAt, StartedAt) AS EndedAt,
        if(notEmpty(ResponseModel), ResponseModel, RequestModel) AS Model,
        ifNull(InputTokens, 0) + ifNull(CacheReadTokens, 0) + ifNull(CacheWriteTokens, 0) AS InputTokens,
        ifNull(OutputTokens, 0) + ifNull(ReasoningTokens, 0) AS OutputTokens
    FROM call_part
    WHERE Kind = 'model' AND notEmpty(ResponseId)
)
SELECT DISTINCT own.TenantId AS TenantId, own.TraceId AS TraceId, own.CountedId AS CountedId
FROM
(
    SELECT
        TenantId, ResponseId, TraceId, CountedId,
        any(TopId) AS TopId,
        groupUniqArray(Signature) AS Signatures,
        min(Place) AS FirstPlace,
        argMin((EndedAt, Model, InputTokens, OutputTokens), Place) AS Said
    FROM told
    GROUP BY TenantId, ResponseId, TraceId, CountedId
) AS own
INNER JOIN
(
    SELECT TenantId, ResponseId, TraceId, TopId, Signature, Place, EndedAt, Model, InputTokens, OutputTokens FROM told
    UNION ALL
    SELECT TenantId, ResponseId, TraceId, '' AS TopId, Signature, (IsRoot, StartedAt, TraceId, SpanId) AS Place, EndedAt, Model, InputTokens, OutputTokens FROM rival
) AS other ON other.TenantId = own.TenantId AND other.ResponseId = own.ResponseId
WHERE (other.TraceId, other.TopId) != (own.TraceId, own.TopId)
    AND other.Place < own.FirstPlace
    AND NOT has(own.Signatures, other.Signature)
    AND own.FirstPlace.2 <= other.EndedAt + INTERVAL 2 SECOND
    AND other.Place.2 <= own.Said.1 + INTERVAL 2 SECOND
    AND (empty(own.Said.2) OR empty(other.Model) OR own.Said.2 = other.Model)
    AND (own.Said.3 = 0 OR other.InputTokens = 0 OR own.Said.3 = other.InputTokens)
    AND (own.Said.4 = 0 OR other.OutputTokens = 0 OR own.Said.4 = other.OutputTokens)
UNION DISTINCT
SELECT own.TenantId, own.TraceId, own.CountedId
FROM
(
    SELECT TenantId, TraceId, ParentSpanId, RequestModel, arrayJoin(Calls) AS Call, Call.1 AS CountedId, Calls
    FROM
    (
        SELECT TenantId, TraceId, ParentSpanId, RequestModel, groupArray((CountedId, ScopeName, StartedAt, EndedAt)) AS Calls
        FROM call_part
        WHERE Kind = 'model' AND SpanId = CountedId AND Failed AND empty(ResponseId) AND notEmpty(RequestModel)
        GROUP BY TenantId, TraceId, ParentSpanId, RequestModel
        -- Each is compared with each: a loop that fails on and on is not two instrumentations.
        HAVING uniqExact(ScopeName) > 1 AND count() <= 100
    )
) AS own
WHERE arrayExists(other -> other.2 != Call.2 AND other.3 < Call.3 AND other.4 >= Call.4, Calls);
