-- What each execution must know of those below it.
SELECT
    TenantId,
    TraceId,
    AncestorId AS ExecutionId,
    any(if(ExecutionId = AncestorId, RootExecutionId, '')) AS RootExecutionId,
    countIf(ParentExecutionId = AncestorId) AS Children,
    toBool(max(Reports AND ExecutionId != AncestorId)) AS BelowReports,
    toBool(max(HasCost AND ExecutionId != AncestorId)) AS BelowHasCost,
    argMaxIf((Failed, ErrorType, ErrorMessage), (ifNull(EndedAt, toDateTime64(0, 9)), ExecutionId), ParentExecutionId = AncestorId) AS LastChild
FROM
(
    SELECT lineage.TenantId AS TenantId, lineage.TraceId AS TraceId, lineage.AncestorId AS AncestorId, lineage.ExecutionId AS ExecutionId,
        lineage.ParentExecutionId AS ParentExecutionId, lineage.RootExecutionId AS RootExecutionId, Reports, HasCost, Failed, ErrorType, ErrorMessage, EndedAt
    FROM lineage INNER JOIN execution USING (TenantId, TraceId, ExecutionId)
)
GROUP BY TenantId, TraceId, AncestorId;
