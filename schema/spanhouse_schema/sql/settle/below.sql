-- What each execution must know of those below it.
SELECT
    TenantId,
    TraceId,
    AncestorId AS ExecutionId,
    anyIf(RootExecutionId, BelowId = AncestorId) AS RootExecutionId,
    countIf(ParentExecutionId = AncestorId) AS Children,
    toBool(max(Reports AND BelowId != AncestorId)) AS BelowReports,
    toBool(max(HasCost AND BelowId != AncestorId)) AS BelowHasCost,
    argMaxIf((Failed, ErrorType, ErrorMessage), (ifNull(EndedAt, toDateTime64(0, 9)), BelowId), ParentExecutionId = AncestorId) AS LastChild
FROM
(
    -- Not under the name ExecutionId, which is the ancestor's above.
    SELECT TenantId, TraceId, AncestorId, ExecutionId AS BelowId, lineage.ParentExecutionId AS ParentExecutionId, RootExecutionId, Reports, HasCost, Failed, ErrorType, ErrorMessage, EndedAt
    FROM lineage INNER JOIN execution USING (TenantId, TraceId, ExecutionId)
)
GROUP BY TenantId, TraceId, AncestorId;
