-- The rows of the touched scopes and days that are not what was counted last, and tombstones for those in which nothing happened after
-- all: as in agent_performance_daily.sql.
INSERT INTO spanhouse.agent_budget_daily
(
    tenant_id, scope, date, scope_id, limit_usd, used_usd, remaining_usd, unpriced_calls, invocations, cycles_started, cycles_completed,
    over_50_at, over_80_at, over_100_at, version, is_deleted
)
SELECT now.* REPLACE greatest({version:UInt64}, before.version + 1) AS version
FROM
(
    (
        SELECT * FROM budget
        EXCEPT DISTINCT
        SELECT * REPLACE 0 AS version FROM budgeted
    )
    UNION ALL
    SELECT * REPLACE 1 AS is_deleted
    FROM budgeted
    WHERE NOT budgeted.is_deleted
        AND (tenant_id, scope, date, scope_id) NOT IN (SELECT tenant_id, scope, date, scope_id FROM budget)
) AS now
LEFT JOIN budgeted AS before USING (tenant_id, scope, date, scope_id);
