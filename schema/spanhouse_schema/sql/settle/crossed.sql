-- The traces that several settlings were at lately where something stands that only an earlier one saw: it was written after the latest
-- had looked for what to take back. A settling writes all rows of a trace with one version, so that these are older.
WITH settled AS
(
    SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt, Days, Version, max(Version) OVER (PARTITION BY TenantId, TraceId) AS LastVersion
    FROM spanhouse.listed_executions
    WHERE (TenantId, TraceId) IN
    (
        SELECT TenantId, TraceId
        FROM spanhouse.listed_executions
        WHERE At >= now64(3) - toIntervalMillisecond({within_ms:UInt64})
        GROUP BY TenantId, TraceId
        HAVING uniqExact(Settler) > 1
    )
)
SELECT DISTINCT TenantId, TraceId, toUInt64(1) AS Spans
FROM
(
    SELECT TenantId, TraceId, Version FROM spanhouse.agent_executions FINAL
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM settled)
    UNION ALL
    SELECT TenantId, TraceId, Version FROM spanhouse.agent_calls FINAL
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM settled)
    UNION ALL
    SELECT TenantId, TraceId, Version FROM spanhouse.agent_executions_by_agent FINAL
    WHERE (TenantId, AgentName, StartedAt, TraceId, ExecutionId) IN (SELECT TenantId, AgentName, StartedAt, TraceId, ExecutionId FROM settled)
    UNION ALL
    SELECT TenantId, TraceId, Version FROM spanhouse.agent_spend FINAL
    WHERE (TenantId, Day, TraceId, ExecutionId) IN (SELECT TenantId, Day, TraceId, ExecutionId FROM settled ARRAY JOIN Days AS Day)
) AS stands
INNER JOIN (SELECT DISTINCT TenantId, TraceId, LastVersion FROM settled) AS last USING (TenantId, TraceId)
WHERE Version < LastVersion;
