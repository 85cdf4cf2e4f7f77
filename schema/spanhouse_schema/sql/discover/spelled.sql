-- The whole arguments, as a number, of the suspects' calls that agent_calls has only the first 200 characters of.
SELECT TenantId, TraceId, CallId, min(cityHash64(Arguments)) AS Spelling
FROM
(
    SELECT TenantId, TraceId, SpanId, firstNonDefault({ToolArguments}, {Input}) AS Arguments
    FROM
    (
        SELECT TenantId, TraceId, SpanId, {Said} AS Said
        FROM spanhouse.otel_traces
        WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM suspect)
    )
) AS span
INNER JOIN
(
    -- A call is told of by its own span, and by those that were found to be the same call.
    SELECT TenantId, TraceId, SpanId AS CallId, ToolArgumentsPreview, arrayJoin(arrayConcat([SpanId], MergedIds)) AS SpanId
    FROM spanhouse.agent_calls FINAL
    WHERE Kind = 'tool' AND lengthUTF8(ToolArgumentsPreview) >= 200 AND (TenantId, TraceId, ExecutionId) IN (SELECT TenantId, TraceId, ExecutionId FROM suspect)
) AS call USING (TenantId, TraceId, SpanId)
WHERE startsWith(Arguments, ToolArgumentsPreview)
GROUP BY TenantId, TraceId, CallId;
