-- What was said of runs in the traces of the stretch, as often as it came. An event that names no trace is a trace of its own.
SELECT
    TenantId, if(notEmpty(TraceId), TraceId, ExecutionId) AS TraceId, ExecutionId, ParentExecutionId, EventId, Timestamp, IngestedAt,
    ServiceName, Status, StatusMessage, WaitingFor, Progress, TasksTotal, TasksCompleted, ExpiresInSeconds, Outcome, ConfidenceScore,
    ErrorType, ErrorMessage, AgentId, AgentName, AgentVersion, SessionId, UserId, ClientAccountId, EngagementId, CaseId, FlowId,
    cityHash64(EventId) AS Hash
FROM spanhouse.execution_events AS event
WHERE startsWith(EventName, 'spanhouse.execution.') AND notEmpty(ExecutionId)
    AND event.TraceId IN (SELECT TraceId FROM stretch UNION ALL SELECT '')
    AND (TenantId, if(notEmpty(event.TraceId), event.TraceId, ExecutionId)) IN (SELECT TenantId, TraceId FROM stretch);
