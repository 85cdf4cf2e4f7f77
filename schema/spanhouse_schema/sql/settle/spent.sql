-- What each execution itself spent on each day: when, and what, for all that has a price; how much has none. What counts is what counts
-- in its CostUSD.
SELECT
    TenantId, TraceId, ExecutionId, Day,
    toUInt8(max(Begins)) AS BeginsThen,
    arraySort(groupArrayIf((toDateTime64(At, 0, 'UTC'), assumeNotNull(Cost)), isNotNull(Cost))) AS Spent,
    toUInt32(countIf(IsUnpriced)) AS Unpriced
FROM
(
    SELECT TenantId, TraceId, ExecutionId, toDate32(StartedAt, {timezone:String}) AS Day, StartedAt AS At, CostUSD AS Cost, CostSources = 4 AS IsUnpriced, false AS Begins
    FROM priced
    WHERE NOT IsRun AND CostSources > 0
    UNION ALL
    SELECT
        TenantId, TraceId, ExecutionId, toDate32(StartedAt, {timezone:String}), StartedAt,
        if(TellsItsCost, CostUSD, NULL),
        TellsItsCost AND CostSources = 4,
        true
    FROM settled
)
GROUP BY TenantId, TraceId, ExecutionId, Day;
