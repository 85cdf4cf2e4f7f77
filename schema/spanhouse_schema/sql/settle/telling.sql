-- The spans that count, each under the id of what it tells of: a call, or (IsRun) a run. A chain is a run only where it is topmost
-- and something counts below it; a trace's root, where nothing else is above a call.
SELECT *, CallId AS CountedId, false AS IsRun
FROM part
WHERE IsCall AND (TenantId, TraceId, CallId) NOT IN (SELECT TenantId, TraceId, CallId FROM lost)
UNION ALL
SELECT *, if(Kind IN ('agent', 'workflow'), TopId, SpanId) AS CountedId, true AS IsRun
FROM part
WHERE Kind IN ('agent', 'workflow') OR (TenantId, TraceId, SpanId) IN
(
    SELECT TenantId, TraceId, ExecutionId FROM part
    WHERE IsCall AND SpanId = CallId AND (TenantId, TraceId, CallId) NOT IN (SELECT TenantId, TraceId, CallId FROM lost)
    UNION ALL
    SELECT TenantId, TraceId, ParentExecutionId FROM part WHERE Kind IN ('agent', 'workflow')
);
