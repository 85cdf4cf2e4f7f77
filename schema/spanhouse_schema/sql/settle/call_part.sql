-- The spans that tell of calls, with the id under which the call counts: that of the outermost of them. Model spans around
-- several successful ones are containers and no calls: there the innermost count.
CREATE TEMPORARY TABLE call_part AS
SELECT *, false AS IsRun, if(IsContained, SpanId, TopId) AS CountedId
FROM
(
    SELECT
        *,
        (TenantId, TraceId, TopId) IN
        (
            SELECT TenantId, TraceId, TopId
            FROM part
            WHERE Kind IN ('model', 'embedding') AND IsInnermost AND NOT Failed
            GROUP BY TenantId, TraceId, TopId
            HAVING count() > 1
        ) AS IsContained
    FROM part
    WHERE Kind IN ('model', 'embedding', 'tool')
)
WHERE IsInnermost OR NOT IsContained;
