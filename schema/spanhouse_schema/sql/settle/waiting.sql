-- The touches that wait, from behind a turn on.
SELECT TenantId, TraceId, At, Spans, Turn
FROM waiting
WHERE Turn > {reached:UInt64}
ORDER BY Turn
LIMIT {most:UInt32} WITH TIES;
