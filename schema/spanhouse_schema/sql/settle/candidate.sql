-- The traces to look at: those of which spans were inserted lately, and those that share a response with one of these.
CREATE TEMPORARY TABLE candidate AS
WITH
    touched AS
    (
        SELECT TenantId, TraceId FROM spanhouse.touched_traces
        WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64}) AND TraceId BETWEEN {first:String} AND {last:String}
    ),
    touched_response AS
    (
        SELECT * FROM spanhouse.response_ids WHERE (TenantId, TraceId) IN touched
    )
SELECT TenantId, TraceId FROM touched
UNION DISTINCT
SELECT TenantId, TraceId
FROM (SELECT TenantId, ResponseId, TraceId AS TouchedId, Signature AS TouchedSignature, StartedAt AS TouchedStart, EndedAt AS TouchedEnd FROM touched_response) AS own
INNER JOIN
(
    SELECT TenantId, ResponseId, TraceId, Signature, StartedAt, EndedAt FROM spanhouse.response_ids
    WHERE (TenantId, ResponseId) IN (SELECT TenantId, ResponseId FROM touched_response)
) AS other USING (TenantId, ResponseId)
WHERE TraceId != TouchedId
    AND Signature != TouchedSignature
    AND StartedAt <= TouchedEnd + INTERVAL 2 SECOND
    AND TouchedStart <= EndedAt + INTERVAL 2 SECOND;
