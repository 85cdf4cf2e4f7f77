-- The days on which something is counted or should be, and of how many executions.
SELECT toString(Day), sum(Executions)
FROM
(
    SELECT toDate32(StartedAt, {timezone:String}) AS Day, count() AS Executions
    FROM spanhouse.agent_executions_by_agent
    WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String})
    GROUP BY Day
    UNION ALL
    SELECT DISTINCT Day, 0 FROM spanhouse.agent_spend WHERE unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String})
    UNION ALL
    SELECT DISTINCT toDate32(assumeNotNull(Moment), {timezone:String}), 0
    FROM spanhouse.agent_cycles
    ARRAY JOIN [CAST(StartedAt AS Nullable(DateTime64(9))), CompletedAt, OutcomeAt] AS Moment
    WHERE isNotNull(Moment) AND (unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String}))
    UNION ALL
    SELECT DISTINCT date, 0 FROM spanhouse.agent_performance_daily WHERE unhex({tenant:String}) = '' OR tenant_id = unhex({tenant:String})
    UNION ALL
    SELECT DISTINCT date, 0 FROM spanhouse.model_usage_daily WHERE unhex({tenant:String}) = '' OR tenant_id = unhex({tenant:String})
    UNION ALL
    SELECT DISTINCT date, 0 FROM spanhouse.agent_budget_daily WHERE unhex({tenant:String}) = '' OR tenant_id = unhex({tenant:String})
)
WHERE {day:String} = '' OR Day = toDate32OrZero({day:String})
GROUP BY Day
ORDER BY Day;
