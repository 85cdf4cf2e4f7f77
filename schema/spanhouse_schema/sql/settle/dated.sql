-- The days on which the ledger has entries or their sums have anything, and how many entries.
SELECT toString(Day), sum(Entries)
FROM
(
    SELECT Day, count() AS Entries FROM spanhouse.daily_ledger WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String}) GROUP BY Day
    UNION ALL
    SELECT DISTINCT Day, 0 FROM spanhouse.performance_sums WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String})
    UNION ALL
    SELECT DISTINCT Day, 0 FROM spanhouse.daily_participants WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String})
    UNION ALL
    SELECT DISTINCT Day, 0 FROM spanhouse.model_usage_sums WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String})
    UNION ALL
    SELECT DISTINCT Day, 0 FROM spanhouse.spend_sums WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String})
    UNION ALL
    SELECT DISTINCT Day, 0 FROM spanhouse.tenant_spend_seconds WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String})
    UNION ALL
    SELECT DISTINCT Day, 0 FROM spanhouse.daily_spend WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String})
)
WHERE {day:String} = '' OR Day = toDate32OrZero({day:String})
GROUP BY Day
ORDER BY Day;
