-- When spans or events of traces were inserted lately, how many, and in which order they are settled: `Turn` is how many spans of its tenant
-- are settled then. Those that wait in the session are left out.
SELECT TenantId, TraceId, At, Spans, sum(Spans) OVER (PARTITION BY TenantId ORDER BY TraceId) AS Turn
FROM
(
    SELECT TenantId, TraceId, At, toUInt64(sum(Spans)) AS Spans
    FROM spanhouse.touched_traces
    WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64})
    GROUP BY TenantId, TraceId, At
)
WHERE (TenantId, TraceId, At) NOT IN (SELECT TenantId, TraceId, At FROM waiting)
ORDER BY Turn
LIMIT {most:UInt32};
