-- The calls that stand there of the stretch.
SELECT TenantId, TraceId, SpanId
FROM spanhouse.agent_calls FINAL
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch);
