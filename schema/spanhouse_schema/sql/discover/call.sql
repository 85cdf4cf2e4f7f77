-- The tool calls of the window of every agent that has a suspect: what was asked and what was answered, as numbers.
SELECT
    TenantId, AgentName, TraceId, ExecutionId, SpanId, ToolName, StartedAt, ClientAccountId, EngagementId,
    (TenantId, TraceId, ExecutionId) IN (SELECT TenantId, TraceId, ExecutionId FROM suspect) AS IsSuspect,
    -- What is not known whole is like nothing else; of runs that are only compared with, the beginning says enough.
    multiIf(
        empty(ToolArgumentsPreview), cityHash64(TraceId, SpanId),
        IsSuspect AND lengthUTF8(ToolArgumentsPreview) >= 200, cityHash64(ToolName, if(Spelling = 0, cityHash64(TraceId, SpanId), Spelling)),
        cityHash64(ToolName, ToolArgumentsPreview)
    ) AS Asked,
    cityHash64(Success, ToolResultPreview, ErrorType, ErrorMessage) AS Answered
FROM spanhouse.agent_calls AS call FINAL
LEFT ANY JOIN (SELECT TenantId, TraceId, CallId AS SpanId, Spelling FROM spelled) AS spelled USING (TenantId, TraceId, SpanId)
WHERE Kind = 'tool' AND notEmpty(ToolName)
    AND StartedAt >= {window:DateTime64(9, 'UTC')} AND StartedAt < {until:DateTime64(9, 'UTC')}
    AND (TenantId, AgentName) IN (SELECT TenantId, AgentName FROM suspect);
