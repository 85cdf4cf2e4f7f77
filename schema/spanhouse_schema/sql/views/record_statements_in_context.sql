-- One row is a statement of record_statements, with what it does not say of its agent, session, user, client, case and flow but
-- the run that it was said in does, or else the runs of its trace. Read by the views on sessions, tasks, triggers, outputs and
-- patterns. (Plain columns and the greatest of several values: these joins are what the views take their time and memory for.)
CREATE OR REPLACE VIEW spanhouse.record_statements_in_context AS
SELECT
    TenantId,
    About,
    At,
    Id,
    EventName,
    TraceId,
    SpanId,
    StartedAt,
    ServiceName,
    -- Empty where it was not said inside the span of a run, or by a run's events.
    run.ExecutionId AS ExecutionId,
    run.ParentExecutionId AS ParentExecutionId,
    run.ModelCalls AS ModelCalls,
    run.Tokens AS Tokens,
    if(notEmpty(statement.AgentId) OR notEmpty(statement.AgentName), statement.AgentId, run.AgentId) AS AgentId,
    if(notEmpty(statement.AgentId) OR notEmpty(statement.AgentName), toString(statement.AgentName), run.AgentName) AS AgentName,
    AgentType,
    firstNonDefault(statement.SessionId, run.SessionId, trace.SessionId) AS SessionId,
    firstNonDefault(statement.UserId, run.UserId, trace.UserId) AS UserId,
    firstNonDefault(statement.ClientAccountId, run.ClientAccountId, trace.ClientAccountId) AS ClientAccountId,
    firstNonDefault(statement.EngagementId, run.EngagementId, trace.EngagementId) AS EngagementId,
    firstNonDefault(statement.CaseId, run.CaseId, trace.CaseId) AS CaseId,
    firstNonDefault(statement.FlowId, run.FlowId, trace.FlowId) AS FlowId,
    TaskId,
    Failed,
    ErrorMessage,
    ConfidenceScore,
    MemoryMb,
    Body,
    CAST(Said AS Map(String, String)) AS Said
FROM spanhouse.record_statements AS statement
LEFT ANY JOIN
(
    SELECT
        TenantId, TraceId, SpanId, ExecutionId, ParentExecutionId, AgentId, toString(AgentName) AS AgentName, SessionId, UserId,
        toString(ClientAccountId) AS ClientAccountId, toString(EngagementId) AS EngagementId, CaseId, FlowId,
        TotalModelCalls AS ModelCalls,
        known_tokens(
            toInt128(TotalInputTokens) + ifNull(TotalCacheReadTokens, 0) + ifNull(TotalCacheWriteTokens, 0) + TotalOutputTokens + ifNull(TotalReasoningTokens, 0), 1
        ) AS Tokens
    FROM spanhouse.agent_executions FINAL
    ARRAY JOIN arrayConcat([ExecutionId], MergedIds) AS SpanId
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM spanhouse.record_statements)
) AS run USING (TenantId, TraceId, SpanId)
LEFT ANY JOIN
(
    SELECT
        TenantId, TraceId, max(SessionId) AS SessionId, max(UserId) AS UserId, max(toString(ClientAccountId)) AS ClientAccountId,
        max(toString(EngagementId)) AS EngagementId, max(CaseId) AS CaseId, max(FlowId) AS FlowId
    FROM spanhouse.agent_executions FINAL
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM spanhouse.record_statements)
    GROUP BY TenantId, TraceId
) AS trace USING (TenantId, TraceId);
