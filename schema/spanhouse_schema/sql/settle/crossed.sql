-- The traces that several settlings were at lately, of which one began before another was done. Neither saw what the other was writing,
-- and may have written it later.
WITH arraySort(groupArray((BeganAt, DoneAt))) AS Settlings
SELECT TenantId, TraceId, toUInt64(1) AS Spans
FROM
(
    SELECT DISTINCT TenantId, TraceId, Settler
    FROM spanhouse.listed_executions
    WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64}) AND notEmpty(TraceId)
) AS listed
INNER JOIN (SELECT Settler, BeganAt, ifNull(FinishedAt, now64(3)) AS DoneAt FROM spanhouse.settlers FINAL) AS settlers USING (Settler)
GROUP BY TenantId, TraceId
HAVING arrayExists((one, next) -> next.1 < one.2, arrayPopBack(Settlings), arrayPopFront(Settlings));
