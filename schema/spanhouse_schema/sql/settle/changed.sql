-- The traces whose spans and events are not those that they were last settled from, and the version that their rows get. A
-- watermark only nominates traces; this decides. A version is greater than the one before even where a clock was set back.
SELECT TenantId, TraceId, Fingerprint, LastVersion, greatest({version:UInt64}, LastVersion + 1) AS Version
FROM
(
    -- The 1 stands for what the settling makes of them: raised with a revision after which the same spans come to something else.
    SELECT TenantId, TraceId, sum(Hash) + 1 AS Fingerprint, max(Counts) AS HasCounts
    FROM
    (
        SELECT TenantId, TraceId, Hash, Counts FROM seen
        UNION ALL
        SELECT TenantId, TraceId, cityHash64(EventId), 1 FROM event
        UNION ALL
        SELECT TenantId, own.TraceId AS TraceId, cityHash64(other.TraceId, SpanId, StartedAt), 1
        FROM (SELECT DISTINCT TenantId, ResponseId, TraceId FROM rival WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM seen)) AS own
        INNER JOIN rival AS other USING (TenantId, ResponseId)
        WHERE other.TraceId != own.TraceId
    )
    GROUP BY TenantId, TraceId
) AS now
LEFT JOIN
(
    SELECT TenantId, TraceId, argMax(Fingerprint, (Version, NOT IsDeleted)) AS LastFingerprint, max(Version) AS LastVersion
    FROM
    (
        SELECT TenantId, TraceId, Fingerprint, Version, IsDeleted
        FROM spanhouse.agent_executions
        WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM candidate)
        UNION ALL
        -- A settling that broke off may have written anything: its traces are settled again, and cleared of what it left.
        SELECT TenantId, TraceId, 0, Version, 1
        FROM spanhouse.listed_executions
        WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM candidate)
    )
    GROUP BY TenantId, TraceId
) AS before USING (TenantId, TraceId)
WHERE Fingerprint != LastFingerprint AND (HasCounts OR LastVersion > 0);
