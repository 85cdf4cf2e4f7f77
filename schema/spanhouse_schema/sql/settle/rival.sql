-- The spans of other traces that tell of a response that these traces tell of.
CREATE TEMPORARY TABLE rival AS
SELECT *
FROM (SELECT DISTINCT TenantId, ResponseId, TraceId AS RivalOf FROM seen WHERE notEmpty(ResponseId)) AS own
INNER JOIN
(
    SELECT * EXCEPT IngestedAt FROM spanhouse.response_ids
    WHERE (TenantId, ResponseId) IN (SELECT TenantId, ResponseId FROM seen WHERE notEmpty(ResponseId))
) AS other USING (TenantId, ResponseId)
WHERE TraceId != RivalOf;
