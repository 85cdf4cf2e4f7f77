-- The traces whose spans and events are not those that they were last settled from, and the version that their rows get. A
-- watermark only nominates traces; this decides. A version is greater than the one before even where a clock was set back.
-- Whoever proves or recomputes what is stored asks for all of them, whatever their fingerprints say (`forced`), but for those whose
-- raw rows may have gone since: that came before `whole_since`, in milliseconds.
SELECT TenantId, TraceId, Fingerprint, CameAt, LastVersion, greatest({version:UInt64}, LastVersion + 1) AS Version
FROM
(
    -- The 1 stands for what the settling makes of them: raised with a revision after which the same spans come to something else.
    SELECT TenantId, TraceId, sum(Hash) + 1 AS Fingerprint, max(Counts) AS HasCounts, ifNull(min(FirstCameAt), toDateTime64(0, 3)) AS CameAt
    FROM
    (
        SELECT TenantId, TraceId, Hash, Counts, FirstCameAt FROM seen
        UNION ALL
        SELECT TenantId, TraceId, cityHash64(EventId), 1, IngestedAt FROM event
        UNION ALL
        SELECT TenantId, own.TraceId AS TraceId, cityHash64(other.TraceId, SpanId, StartedAt), 1, NULL
        FROM (SELECT DISTINCT TenantId, ResponseId, TraceId FROM rival WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM seen)) AS own
        INNER JOIN rival AS other USING (TenantId, ResponseId)
        WHERE other.TraceId != own.TraceId
        UNION ALL
        -- What stands for a trace of which nothing is there was never right.
        SELECT TenantId, TraceId, 0, 0, NULL FROM candidate WHERE {forced:UInt8}
    )
    GROUP BY TenantId, TraceId
) AS now
LEFT JOIN
(
    SELECT
        TenantId, TraceId,
        argMax(Fingerprint, (Version, NOT IsDeleted)) AS LastFingerprint,
        max(Version) AS LastVersion,
        minOrNullIf(if(toUnixTimestamp64Milli(CameAt) > 0, toUnixTimestamp64Milli(CameAt), toInt64(intDiv(Version, 1000))), NOT IsDeleted) AS CameAtMs
    FROM
    (
        SELECT TenantId, TraceId, Fingerprint, Version, IsDeleted, CameAt
        FROM spanhouse.agent_executions
        WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM candidate)
        UNION ALL
        -- A settling that broke off may have written anything: its traces are settled again, and cleared of what it left.
        SELECT TenantId, TraceId, 0, Version, 1, toDateTime64(0, 3)
        FROM spanhouse.listed_executions
        WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM candidate)
    )
    GROUP BY TenantId, TraceId
) AS before USING (TenantId, TraceId)
WHERE ({forced:UInt8} OR Fingerprint != LastFingerprint) AND (HasCounts OR LastVersion > 0) AND (NOT {forced:UInt8} OR ifNull(CameAtMs >= {whole_since:Int64}, true));
