-- The rows of agent_budget_daily of the touched scopes and days, in its columns and their order, from all that was spent.
INSERT INTO budget
WITH
    -- Before everything that was said, and before everything that can be spent.
    arrayConcat([(toInt64(-9300000000), if(Scope = 'tenant', budget_default(), NULL))], Said) AS Limits,
    -- A limit that is lowered may be reached without anything being spent then.
    arrayFilter(second -> toDate32(toDateTime64(second, 0), {timezone:String}) = Day, Said.1) AS Changes,
    arraySort(arrayConcat(Spent, arrayMap(second -> (second, toDecimal128(0, 12)), Changes))) AS Moments,
    arrayCumSum(Moments.2) AS Sums,
    arrayMap(second -> arrayLast(each -> each.1 <= second, Limits).2, Moments.1) AS LimitsThen,
    arrayMap(percent -> budget_reached(Moments.1, Sums, LimitsThen, percent), [50, 80, 100]) AS Reached
SELECT
    TenantId AS tenant_id,
    Scope AS scope,
    Day AS date,
    ScopeId AS scope_id,
    arrayLast(each -> toDate32(toDateTime64(each.1, 0), {timezone:String}) <= Day, Limits).2 AS limit_usd,
    Used AS used_usd,
    budget_remaining(limit_usd, used_usd) AS remaining_usd,
    Lacking AS unpriced_calls,
    Invoked AS invocations,
    Started AS cycles_started,
    Completed AS cycles_completed,
    if(Reached[1] = 0, NULL, toDateTime64(Reached[1], 0, 'UTC')) AS over_50_at,
    if(Reached[2] = 0, NULL, toDateTime64(Reached[2], 0, 'UTC')) AS over_80_at,
    if(Reached[3] = 0, NULL, toDateTime64(Reached[3], 0, 'UTC')) AS over_100_at,
    toUInt64(0) AS version,
    toUInt8(0) AS is_deleted
FROM
(
    SELECT
        TenantId, Scope, Day, ScopeId,
        if(sum(Priced) > 0 OR sum(Lacks) = 0, sum(Cost), NULL) AS Used,
        sum(Lacks) AS Lacking,
        sum(Invokes) AS Invoked,
        sum(Starts) AS Started,
        sum(Completes) AS Completed,
        groupArrayIf((Second, Cost), IsLimited AND Priced > 0) AS Spent
    FROM
    (
        -- By the second, where there is a limit: however much is spent, a day has no more of them.
        SELECT
            TenantId, Scope, Day, ScopeId, IsLimited,
            if(IsLimited, toUnixTimestamp64Second(call.At), 0) AS Second,
            sum(call.CostUSD) AS Cost,
            countIf(call.Number > 0) AS Priced,
            sumIf(Unpriced, call.Number <= 1) AS Lacks,
            sumIf(if(Scope = 'agent', Runs, Invocations), call.Number <= 1) AS Invokes,
            0 AS Starts,
            0 AS Completes
        FROM
        (
            SELECT
                *,
                scope.1 AS Scope,
                scope.2 AS ScopeId,
                Scope = 'tenant' OR (TenantId, Scope, ScopeId) IN (SELECT tenant_id, scope, scope_id FROM spanhouse.budget_limits WHERE period = 'day') AS IsLimited,
                arrayMap((spent, number) -> CAST((spent.1, spent.2, number), 'Tuple(At DateTime64(0), CostUSD Decimal(38, 12), Number UInt32)'), Spent, arrayEnumerate(Spent)) AS Calls
            FROM
            (
                SELECT *, budget_scopes([toString(AgentName)], [UserId], [SessionId]) AS Scopes
                FROM spanhouse.agent_spend FINAL
                WHERE (TenantId, Day) IN (SELECT TenantId, Day FROM spent_on)
            )
            ARRAY JOIN Scopes AS scope
            WHERE (TenantId, Day, Scope, ScopeId) IN (SELECT TenantId, Day, Scope, ScopeId FROM spent_on)
        )
        LEFT ARRAY JOIN Calls AS call
        GROUP BY TenantId, Scope, Day, ScopeId, IsLimited, Second
        UNION ALL
        SELECT
            TenantId, each.3 AS Scope, toDate32(assumeNotNull(each.1), {timezone:String}) AS Day, each.4 AS ScopeId,
            false, 0, 0, 0, 0, 0, each.2, NOT each.2
        FROM
        (
            SELECT
                TenantId,
                budget_scopes([max(toString(AgentName))], [max(UserId)], [SessionId]) AS Scopes,
                arrayFilter(moment -> isNotNull(moment.1), [
                    (CAST(min(StartedAt) AS Nullable(DateTime64(9))), true), (coalesce(min(CompletedAt), min(OutcomeAt)), false)
                ]) AS Moments
            FROM spanhouse.agent_cycles
            WHERE (TenantId, SessionId) IN
            (
                SELECT TenantId, SessionId
                FROM
                (
                    SELECT TenantId, SessionId, toDate32(assumeNotNull(Moment), {timezone:String}) AS Day
                    FROM spanhouse.agent_cycles
                    ARRAY JOIN [StartedAt, CompletedAt, OutcomeAt] AS Moment
                    WHERE isNotNull(Moment)
                )
                WHERE (TenantId, Day) IN (SELECT TenantId, Day FROM spent_on)
            )
            GROUP BY TenantId, SessionId
        )
        ARRAY JOIN arrayFlatten(arrayMap(moment -> arrayMap(scope -> (moment.1, moment.2, scope.1, scope.2), Scopes), Moments)) AS each
        WHERE (TenantId, Day, Scope, ScopeId) IN (SELECT TenantId, Day, Scope, ScopeId FROM spent_on)
    )
    GROUP BY TenantId, Scope, Day, ScopeId
) AS spent
LEFT JOIN
(
    SELECT
        tenant_id AS TenantId, scope AS Scope, scope_id AS ScopeId,
        arrayMap(
            each -> (toUnixTimestamp64Second(each.1), each.2),
            arraySort(groupArray((valid_from, if(is_cleared, if(scope = 'tenant', budget_default(), NULL), limit_usd))))
        ) AS Said
    FROM spanhouse.budget_limits
    WHERE period = 'day'
    GROUP BY tenant_id, scope, scope_id
) AS limits USING (TenantId, Scope, ScopeId);
