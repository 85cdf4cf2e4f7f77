-- The traces whose spans and events are not those that they were last settled from, and the version that their rows get. A watermark only
-- nominates traces; this decides. A version is greater than the one before even where a clock was set back.
CREATE TEMPORARY TABLE changed AS
SELECT TenantId, TraceId, Fingerprint, greatest({version:UInt64}, LastVersion + 1) AS Version
FROM
(
    SELECT TenantId, TraceId, sum(Fingerprint) AS Fingerprint
    FROM
    (
        SELECT TenantId, TraceId, sum(Hash) AS Fingerprint
        FROM seen GROUP BY TenantId, TraceId
        UNION ALL
        SELECT TenantId, RivalOf, sum(cityHash64(TraceId, SpanId, StartedAt)) AS Fingerprint
        FROM rival GROUP BY TenantId, RivalOf
        UNION ALL
        SELECT TenantId, TraceId, sum(cityHash64(EventId)) AS Fingerprint
        FROM event GROUP BY TenantId, TraceId
    )
    GROUP BY TenantId, TraceId
) AS now
LEFT JOIN
(
    SELECT TenantId, TraceId, argMax(Fingerprint, Version) AS LastFingerprint, max(Version) AS LastVersion
    FROM spanhouse.agent_executions
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM seen UNION ALL SELECT TenantId, TraceId FROM event)
    GROUP BY TenantId, TraceId
) AS before USING (TenantId, TraceId)
WHERE Fingerprint != LastFingerprint;
