-- The patterns of the day that are not what was found last, and tombstones for those that are not found any more. A version is greater
-- than the one before even where a clock was set back.
INSERT INTO spanhouse.found_patterns
(
    TenantId, Day, PatternId, Type, AgentName, Subject, Name, Description, Confidence, Evidence, EvidenceCount, InsightType,
    ClientAccountId, EngagementId, At, Version, IsDeleted
)
SELECT now.* REPLACE greatest({version:UInt64}, before.Version + 1) AS Version
FROM
(
    (
        SELECT * FROM found
        EXCEPT DISTINCT
        SELECT * REPLACE 0 AS Version FROM found_before
    )
    UNION ALL
    SELECT * REPLACE 1 AS IsDeleted
    FROM found_before
    WHERE NOT found_before.IsDeleted AND (TenantId, PatternId) NOT IN (SELECT TenantId, PatternId FROM found)
) AS now
LEFT JOIN found_before AS before USING (TenantId, PatternId);
