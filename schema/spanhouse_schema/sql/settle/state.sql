-- How each run stood by what was said of it. A final state wins over what is said later; otherwise the latest counts.
SELECT
    TenantId,
    TraceId,
    ExecutionId,
    true AS IsDeclared,
    argMax((Status, StatusMessage, WaitingFor, ErrorType, ErrorMessage), (Status != '', Status IN ('completed', 'failed', 'cancelled'), Timestamp, EventId)) AS Said,
    Said.1 IN ('completed', 'failed', 'cancelled') AS IsFinal,
    min(Timestamp) AS FirstSaidAt,
    maxIf(Timestamp, Status IN ('completed', 'failed', 'cancelled')) AS FinalAt,
    max(Timestamp) AS LastEventAt,
    argMax(least(ifNull(ExpiresInSeconds, 60), 1e8), (Timestamp, EventId)) AS ExpiresInS,
    argMaxIf(Progress, (Timestamp, EventId), isNotNull(Progress)) AS SaidProgress,
    argMaxIf(TasksTotal, (Timestamp, EventId), isNotNull(TasksTotal)) AS SaidTasksTotal,
    argMaxIf(TasksCompleted, (Timestamp, EventId), isNotNull(TasksCompleted)) AS SaidTasksCompleted,
    argMaxIf(ConfidenceScore, (Timestamp, EventId), isNotNull(ConfidenceScore)) AS SaidConfidence,
    argMaxIf(Outcome, (Timestamp, EventId), notEmpty(Outcome)) AS SaidOutcome,
    argMinIf(ParentExecutionId, (Timestamp, EventId), notEmpty(ParentExecutionId)) AS SaidParentId,
    argMinIf(ServiceName, (Timestamp, EventId), notEmpty(ServiceName)) AS SaidServiceName,
    argMinIf(AgentId, (Timestamp, EventId), notEmpty(AgentId)) AS SaidAgentId,
    argMinIf(AgentName, (Timestamp, EventId), notEmpty(AgentName)) AS SaidAgentName,
    argMinIf(AgentVersion, (Timestamp, EventId), notEmpty(AgentVersion)) AS SaidAgentVersion,
    argMinIf(SessionId, (Timestamp, EventId), notEmpty(SessionId)) AS SaidSessionId,
    argMinIf(UserId, (Timestamp, EventId), notEmpty(UserId)) AS SaidUserId,
    argMinIf(ClientAccountId, (Timestamp, EventId), notEmpty(ClientAccountId)) AS SaidClientAccountId,
    argMinIf(EngagementId, (Timestamp, EventId), notEmpty(EngagementId)) AS SaidEngagementId,
    argMinIf(CaseId, (Timestamp, EventId), notEmpty(CaseId)) AS SaidCaseId,
    argMinIf(FlowId, (Timestamp, EventId), notEmpty(FlowId)) AS SaidFlowId
FROM event
WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM changed)
GROUP BY TenantId, TraceId, ExecutionId;
