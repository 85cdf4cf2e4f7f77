-- What each execution itself used, a day and a model: its calls, or what its own span says of them in sum. A call counts on the day
-- on which it began.
SELECT
    TenantId, TraceId, ExecutionId,
    arraySort(groupArray((
        Day, Provider, Model, ModelCalls, FailedModelCalls, EmbeddingCalls, UnpricedCalls, InputTokens, CacheReadTokens, CacheWriteTokens,
        OutputTokens, ReasoningTokens, EmbeddingTokens, CostUSD
    ))) AS Used
FROM
(
    SELECT
        TenantId, TraceId, ExecutionId,
        toDate32(StartedAt, {timezone:String}) AS Day,
        Provider,
        Model,
        toUInt32(countIf(Kind = 'model')) AS ModelCalls,
        toUInt32(countIf(Kind = 'model' AND Failed)) AS FailedModelCalls,
        toUInt32(countIf(Kind = 'embedding')) AS EmbeddingCalls,
        toUInt32(countIf(CostSources = 4)) AS UnpricedCalls,
        sumOrNullIf(Tokens.1, Kind != 'embedding') AS InputTokens,
        sumOrNullIf(Tokens.2, Kind != 'embedding') AS CacheReadTokens,
        sumOrNullIf(Tokens.3, Kind != 'embedding') AS CacheWriteTokens,
        sumOrNullIf(Tokens.4, Kind != 'embedding') AS OutputTokens,
        sumOrNullIf(Tokens.5, Kind != 'embedding') AS ReasoningTokens,
        sumOrNullIf(Tokens.1, Kind = 'embedding') AS EmbeddingTokens,
        sumOrNull(Cost) AS CostUSD
    FROM
    (
        SELECT TenantId, TraceId, ExecutionId, StartedAt, Provider, Model, CountedKind AS Kind, Failed, CostSources, Usage AS Tokens, CostUSD AS Cost
        FROM priced
        WHERE NOT IsRun AND (CountedKind IN ('model', 'embedding') OR CostSources > 0)
        UNION ALL
        SELECT TenantId, TraceId, ExecutionId, StartedAt, Provider, Model, 'run', false, 0,
            if(TellsItself, (InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens), (NULL, NULL, NULL, NULL, NULL)),
            if(TellsItsCost, CostUSD, NULL)
        FROM settled
        WHERE TellsItself OR TellsItsCost
    )
    GROUP BY TenantId, TraceId, ExecutionId, Day, Provider, Model
)
GROUP BY TenantId, TraceId, ExecutionId;
