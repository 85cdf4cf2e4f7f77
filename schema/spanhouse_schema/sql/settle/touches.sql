-- When spans or events of traces were inserted lately, of all or from behind a trace id on, and how many.
SELECT TenantId, TraceId, At, toUInt64(sum(Spans)) AS Spans
FROM spanhouse.touched_traces
WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64}) AND ({all:UInt8} OR TraceId > unhex({after:String}))
GROUP BY TenantId, TraceId, At
ORDER BY TraceId
LIMIT {most:UInt32};
