-- Adds up what agents did, by day.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.performance_sums_mv TO spanhouse.performance_sums AS
SELECT
    TenantId,
    Day,
    AgentName,
    ServiceName,
    ClientAccountId,
    EngagementId,
    sum(Sign) AS Executions,
    sumIf(Sign, IsTask) AS Tasks,
    sumIf(Sign, IsTask AND Status = 'completed') AS Completed,
    sumIf(Sign, IsTask AND Status = 'failed') AS Failed,
    sumIf(Sign, IsTask AND Status = 'cancelled') AS Cancelled,
    sum(toInt128(Sign) * ifNull(entry.DurationNs, 0)) AS DurationNs,
    sumIf(Sign, isNotNull(entry.DurationNs)) AS Ended,
    sumMapIf(map(DurationBucket, toInt64(Sign)), isNotNull(entry.DurationNs)) AS DurationBuckets,
    sum(Sign * ifNull(entry.ConfidenceScore, 0)) AS ConfidenceScore,
    sumIf(Sign, isNotNull(entry.ConfidenceScore)) AS Confident,
    sum(Sign * toInt64(entry.ToolCalls)) AS ToolCalls,
    sum(Sign * toInt64(entry.FailedToolCalls)) AS FailedToolCalls
FROM spanhouse.daily_ledger AS entry
WHERE Entry = 'run'
GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId;
