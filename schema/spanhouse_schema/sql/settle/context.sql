-- Of whom the spans of each execution are and (ExecutionId '') those of each trace: what the earliest that says so says.
SELECT
    TenantId,
    TraceId,
    ExecutionId,
    argMinIf(SessionId, Place, notEmpty(SessionId)) AS SessionId,
    argMinIf(UserId, Place, notEmpty(UserId)) AS UserId,
    argMinIf(ClientAccountId, Place, notEmpty(ClientAccountId)) AS ClientAccountId,
    argMinIf(EngagementId, Place, notEmpty(EngagementId)) AS EngagementId,
    argMinIf(CaseId, Place, notEmpty(CaseId)) AS CaseId,
    argMinIf(FlowId, Place, notEmpty(FlowId)) AS FlowId
FROM
(
    SELECT *, otlp_order(StartedAt, SpanId) AS Place
    FROM part
    WHERE notEmpty(SessionId) OR notEmpty(UserId) OR notEmpty(ClientAccountId) OR notEmpty(EngagementId) OR notEmpty(CaseId) OR notEmpty(FlowId)
)
GROUP BY GROUPING SETS ((TenantId, TraceId, ExecutionId), (TenantId, TraceId));
