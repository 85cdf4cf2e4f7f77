-- The agents and the scopes of all executions, sessions and counted rows of some days: what has to be counted to count those days.
INSERT INTO touched
SELECT TenantId, AgentName, toDate32(StartedAt, {timezone:String}) AS Day
FROM spanhouse.agent_executions_by_agent
WHERE Day BETWEEN {first:Date32} AND {last:Date32} AND (unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String}))
UNION DISTINCT
SELECT tenant_id, agent_name, date
FROM spanhouse.agent_performance_daily
WHERE date BETWEEN {first:Date32} AND {last:Date32} AND (unhex({tenant:String}) = '' OR tenant_id = unhex({tenant:String}))
UNION DISTINCT
SELECT tenant_id, agent_name, date
FROM spanhouse.model_usage_daily
WHERE date BETWEEN {first:Date32} AND {last:Date32} AND (unhex({tenant:String}) = '' OR tenant_id = unhex({tenant:String}));

INSERT INTO spent_on
SELECT TenantId, Day, scope.1 AS Scope, scope.2 AS ScopeId
FROM
(
    SELECT DISTINCT TenantId, Day, budget_scopes([toString(AgentName)], [UserId], [SessionId]) AS Scopes
    FROM spanhouse.agent_spend
    WHERE Day BETWEEN {first:Date32} AND {last:Date32} AND (unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String}))
    UNION DISTINCT
    SELECT TenantId, toDate32(assumeNotNull(Moment), {timezone:String}) AS Day, budget_scopes([toString(AgentName)], [UserId], [SessionId])
    FROM spanhouse.agent_cycles
    ARRAY JOIN [CAST(StartedAt AS Nullable(DateTime64(9))), CompletedAt, OutcomeAt] AS Moment
    WHERE isNotNull(Moment) AND Day BETWEEN {first:Date32} AND {last:Date32} AND (unhex({tenant:String}) = '' OR TenantId = unhex({tenant:String}))
)
ARRAY JOIN Scopes AS scope
UNION DISTINCT
SELECT tenant_id, date, scope, scope_id
FROM spanhouse.agent_budget_daily
WHERE date BETWEEN {first:Date32} AND {last:Date32} AND (unhex({tenant:String}) = '' OR tenant_id = unhex({tenant:String}));
