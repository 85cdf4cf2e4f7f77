-- Each execution with what it did itself and what was said of it. One without a span of its own has not ended yet, or is a root
-- that never came: its calls tell of it.
SELECT
    * REPLACE multiIf(
        notEmpty(ParentExecutionId), ParentExecutionId,
        -- The parent that a span names and that has not come may be a run that has said something.
        RootId != ExecutionId AND (TenantId, TraceId, RootId) IN (SELECT TenantId, TraceId, ExecutionId FROM state), RootId,
        SaidParentId
    ) AS ParentExecutionId,
    IsRun AND Kind != 'implicit' AND toBool(isNotNull(Usage.1) + isNotNull(Usage.2) + isNotNull(Usage.3) + isNotNull(Usage.4) + isNotNull(Usage.5)) AS SpanReports,
    CallsReport OR SpanReports AS Reports,
    isNotNull(CalledCostUSD) OR (Kind != 'implicit' AND isNotNull(ReportedCostUSD)) OR (SpanReports AND NOT CallsReport AND isNotNull(CostUSD)) AS HasCost
FROM
(
    SELECT * EXCEPT CountedKind, CountedKind AS Kind FROM priced WHERE IsRun
) AS run
FULL JOIN
(
    SELECT
        TenantId,
        TraceId,
        ExecutionId,
        toUInt32(countIf(Kind = 'model')) AS ModelCalls,
        toUInt32(countIf(Kind = 'model' AND Failed)) AS FailedModelCalls,
        toUInt32(countIf(Kind = 'embedding')) AS EmbeddingCalls,
        toUInt32(countIf(Kind = 'tool')) AS ToolCalls,
        toUInt32(countIf(Kind = 'tool' AND Failed)) AS FailedToolCalls,
        toUInt32(sum(Retries)) AS CallRetries,
        sumOrNullIf(Usage.1, Kind = 'model') AS CalledInputTokens,
        sumOrNullIf(Usage.2, Kind = 'model') AS CalledCacheReadTokens,
        sumOrNullIf(Usage.3, Kind = 'model') AS CalledCacheWriteTokens,
        sumOrNullIf(Usage.4, Kind = 'model') AS CalledOutputTokens,
        sumOrNullIf(Usage.5, Kind = 'model') AS CalledReasoningTokens,
        sumOrNullIf(Usage.1, Kind = 'embedding') AS EmbeddingTokens,
        sumOrNull(CostUSD) AS CalledCostUSD,
        groupBitOr(CostSources) AS CalledCostSources,
        toUInt32(countIf(CostSources = 4)) AS UnpricedCalls,
        toBool(countIf(Kind = 'model' AND isNotNull(coalesce(Usage.1, Usage.2, Usage.3, Usage.4, Usage.5)))) AS CallsReport,
        min(StartedAt) AS FirstCallAt,
        max(EndedAt) AS LastCallAt,
        argMax(Failed, (ifNull(EndedAt, toDateTime64(0, 9)), CountedId)) AS LastCallFailed,
        argMaxIf((ErrorType, ErrorMessage), (ifNull(EndedAt, toDateTime64(0, 9)), CountedId), Failed) AS LastFailedCall,
        argMin(ServiceName, (StartedAt, CountedId)) AS CallServiceName
    FROM (SELECT *, CountedKind AS Kind FROM priced WHERE NOT IsRun)
    GROUP BY TenantId, TraceId, ExecutionId
) AS work USING (TenantId, TraceId, ExecutionId)
FULL JOIN state USING (TenantId, TraceId, ExecutionId);
