-- The calls that another span tells of better: the same response, read by another instrumentation, beside this one or in another
-- trace. Ids repeat where tests and caches answer, so that model, usage and time must agree too; and what one instrumentation
-- tells twice are two calls. A failed call has no response: there the other's span must be around it in time, beside it.
WITH told AS
(
    SELECT
        TenantId, ResponseId, TraceId, SpanId, TopId, CallId, Signature,
        (empty(ParentSpanId), StartedAt, TraceId, SpanId) AS Place,
        ifNull(EndedAt, StartedAt) AS EndedAt,
        if(notEmpty(ResponseModel), ResponseModel, RequestModel) AS Model,
        ifNull(InputTokens, 0) + ifNull(CacheReadTokens, 0) + ifNull(CacheWriteTokens, 0) AS InputTokens,
        ifNull(OutputTokens, 0) + ifNull(ReasoningTokens, 0) AS OutputTokens
    FROM part
    WHERE IsCall AND Kind = 'model' AND (TenantId, ResponseId) IN
    (
        -- Few responses are told of by several calls; the rest need no comparing.
        SELECT TenantId, ResponseId FROM part WHERE IsCall AND Kind = 'model' AND notEmpty(ResponseId)
        GROUP BY TenantId, ResponseId HAVING uniqExact(TraceId, CallId) > 1
        UNION ALL
        SELECT TenantId, ResponseId FROM rival
    )
)
SELECT DISTINCT own.TenantId AS TenantId, own.TraceId AS TraceId, own.CallId AS CallId
FROM
(
    SELECT
        TenantId, ResponseId, TraceId, CallId,
        any(TopId) AS TopId,
        groupUniqArray(Signature) AS Signatures,
        min(Place) AS FirstPlace,
        argMin((EndedAt, Model, InputTokens, OutputTokens), Place) AS Said
    FROM told
    GROUP BY TenantId, ResponseId, TraceId, CallId
) AS own
INNER JOIN
(
    SELECT TenantId, ResponseId, TraceId, TopId, Signature, Place, EndedAt, Model, InputTokens, OutputTokens FROM told
    UNION ALL
    SELECT TenantId, ResponseId, TraceId, '' AS TopId, Signature, (IsRoot, StartedAt, TraceId, SpanId) AS Place, EndedAt, Model, InputTokens, OutputTokens
    FROM rival WHERE (TenantId, TraceId) NOT IN (SELECT TenantId, TraceId FROM changed)
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
SELECT own.TenantId, own.TraceId, own.CallId
FROM
(
    SELECT TenantId, TraceId, ParentSpanId, RequestModel, arrayJoin(Calls) AS Call, Call.1 AS CallId, Calls
    FROM
    (
        SELECT TenantId, TraceId, ParentSpanId, RequestModel, groupArray((CallId, ScopeName, StartedAt, EndedAt)) AS Calls
        FROM part
        WHERE IsCall AND Kind = 'model' AND SpanId = CallId AND Failed AND empty(ResponseId) AND notEmpty(RequestModel)
        GROUP BY TenantId, TraceId, ParentSpanId, RequestModel
        -- Each is compared with each: a loop that fails on and on is not two instrumentations.
        HAVING uniqExact(ScopeName) > 1 AND count() <= 100
    )
) AS own
WHERE arrayExists(other -> other.2 != Call.2 AND other.3 < Call.3 AND other.4 >= Call.4, Calls);
