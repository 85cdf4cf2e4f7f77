-- One row is a statement of record_statements, with what it does not say of its session, client, case and flow but the runs of
-- its trace do, and with the run that it was said in. Read by the views on sessions, tasks, triggers, outputs and patterns.
CREATE VIEW IF NOT EXISTS spanhouse.record_statements_in_context AS
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
    -- The run itself, where this was said inside its own span, or by its events.
    Runs[SpanId] AS Run,
    if(notEmpty(statement.AgentId) OR notEmpty(statement.AgentName), statement.AgentId, Run.agent_id) AS AgentId,
    if(notEmpty(statement.AgentId) OR notEmpty(statement.AgentName), toString(statement.AgentName), Run.agent_name) AS AgentName,
    AgentType,
    firstNonDefault(statement.SessionId, run.SessionId) AS SessionId,
    firstNonDefault(statement.UserId, run.UserId) AS UserId,
    firstNonDefault(statement.ClientAccountId, run.ClientAccountId) AS ClientAccountId,
    firstNonDefault(statement.EngagementId, run.EngagementId) AS EngagementId,
    firstNonDefault(statement.CaseId, run.CaseId) AS CaseId,
    firstNonDefault(statement.FlowId, run.FlowId) AS FlowId,
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
        TenantId,
        TraceId,
        argMinIf(SessionId, (StartedAt, ExecutionId), notEmpty(SessionId)) AS SessionId,
        argMinIf(UserId, (StartedAt, ExecutionId), notEmpty(UserId)) AS UserId,
        toString(argMinIf(ClientAccountId, (StartedAt, ExecutionId), notEmpty(ClientAccountId))) AS ClientAccountId,
        toString(argMinIf(EngagementId, (StartedAt, ExecutionId), notEmpty(EngagementId))) AS EngagementId,
        argMinIf(CaseId, (StartedAt, ExecutionId), notEmpty(CaseId)) AS CaseId,
        argMinIf(FlowId, (StartedAt, ExecutionId), notEmpty(FlowId)) AS FlowId,
        mapFromArrays(
            groupArrayArray(arrayConcat([ExecutionId], MergedIds)),
            groupArrayArray(
                arrayMap(
                    id -> CAST(
                        (
                            ExecutionId,
                            ParentExecutionId,
                            AgentId,
                            AgentName,
                            TotalModelCalls,
                            TotalInputTokens + ifNull(TotalCacheReadTokens, 0) + ifNull(TotalCacheWriteTokens, 0) + TotalOutputTokens + ifNull(TotalReasoningTokens, 0)
                        ) AS Tuple(id String, parent_id String, agent_id String, agent_name String, model_calls UInt32, tokens Nullable(UInt64))
                    ),
                    arrayConcat([ExecutionId], MergedIds)
                )
            )
        ) AS Runs
    FROM spanhouse.agent_executions FINAL
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM spanhouse.record_statements)
    GROUP BY TenantId, TraceId
) AS run USING (TenantId, TraceId);
