-- What was found in the day before now, tombstones too.
SELECT *
FROM spanhouse.found_patterns
WHERE Day = {day:Date32}
ORDER BY TenantId, Day, PatternId, Version DESC
LIMIT 1 BY TenantId, Day, PatternId;
