-- Of whom each execution is: what its own spans say first, then the spans that belong to it, then (ExecutionId '') any of the
-- trace; of those the earliest.
CREATE TEMPORARY TABLE context AS
SELECT
    TenantId,
    TraceId,
    role.1 AS ExecutionId,
    argMinIf(SessionId, Place, notEmpty(SessionId)) AS SessionId,
    argMinIf(UserId, Place, notEmpty(UserId)) AS UserId,
    argMinIf(ClientAccountId, Place, notEmpty(ClientAccountId)) AS ClientAccountId,
    argMinIf(EngagementId, Place, notEmpty(EngagementId)) AS EngagementId,
    argMinIf(CaseId, Place, notEmpty(CaseId)) AS CaseId,
    argMinIf(FlowId, Place, notEmpty(FlowId)) AS FlowId
FROM
(
    SELECT *, (role.2, StartedAt, SpanId) AS Place
    FROM
    (
        SELECT
            TenantId, TraceId, SpanId, StartedAt, SessionId, UserId, ClientAccountId, EngagementId, CaseId, FlowId,
            arrayJoin([(SpanId, 1), (TopId, 1), (ExecutionId, 2), ('', 3)]) AS role
        FROM part
        WHERE notEmpty(SessionId) OR notEmpty(UserId) OR notEmpty(ClientAccountId) OR notEmpty(EngagementId) OR notEmpty(CaseId) OR notEmpty(FlowId)
    )
)
GROUP BY TenantId, TraceId, ExecutionId;
