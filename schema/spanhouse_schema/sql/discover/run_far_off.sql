-- Runs whose cost or duration is far off the agent's own history: of the 28 days before the day, 50 runs or more. Two things are looked
-- for, and both take at least three times the middle of the history, and a cent or a second more.
-- One run: beyond what the tail of the history reaches. Its greatest tenth is taken for the beginning of a Pareto tail, whose exponent is
-- Hill's (1975), censored at the third greatest value, so that one or two odd runs in the past hide no new one, and a standard error
-- heavier; Weissman's (1978) estimate says what a day's runs reach by chance. Costs and durations whose tails are lighter are
-- judged the more carefully.
-- The whole day: half of its runs or more, and at least five, are beyond three times the middle, which was seldom before.
-- What a run cost or took itself, without the agents below it, where that is known for all of its calls.
-- Confidence: the share of the history that is less, or of the day that is more (Wilson).
INSERT INTO found (TenantId, Day, Type, AgentName, Subject, Name, Description, Confidence, Evidence, EvidenceCount, ClientAccountId, EngagementId, At)
WITH
    runs AS
    (
        SELECT TenantId, AgentName, Measure.1 AS Type, assumeNotNull(Measure.2) AS Value, Measure.3 AS AtLeastMore, StartedAt, TraceId, ClientAccountId, EngagementId,
            StartedAt >= {since:DateTime64(9, 'UTC')} AS IsNow
        FROM spanhouse.agent_executions_by_agent FINAL
        ARRAY JOIN [('cost_off', if(CostSource IN ('reported', 'computed'), toFloat64(CostUSD), NULL), 0.01), ('duration_off', DurationMs, 1000.)] AS Measure
        WHERE Kind IN ('agent', 'workflow') AND notEmpty(AgentName)
            AND StartedAt >= {window:DateTime64(9, 'UTC')} AND StartedAt < {until:DateTime64(9, 'UTC')}
            AND ifNull(Measure.2 > 0, false)
    ),
    judged AS
    (
        SELECT
            TenantId,
            AgentName,
            Type,
            arrayReverseSort(groupArrayIf(Value, NOT IsNow)) AS Before,
            groupArrayIf((StartedAt, TraceId, Value, toString(ClientAccountId), toString(EngagementId)), IsNow) AS Now,
            any(AtLeastMore) AS More
        FROM runs
        GROUP BY TenantId, AgentName, Type
        HAVING length(Before) >= 50 AND notEmpty(Now)
    )
SELECT
    TenantId,
    {day:Date32},
    Type,
    AgentName,
    '',
    concat('Agent `', AgentName, if(Type = 'cost_off', '` costs far more than usual', '` takes far longer than usual')),
    concat(
        toString(length(Far)), ' of ', toString(length(Now)), ' runs', pattern_whose(AgentName), if(Type = 'cost_off', ' cost', ' took'), ' up to ',
        if(Type = 'cost_off', concat(toString(round(Greatest, 2)), ' USD'), concat(toString(round(Greatest / 1000, 1)), ' s')),
        '; of the ', toString(length(Before)), ' before, half', if(Type = 'cost_off', ' cost', ' took'), ' less than ',
        if(Type = 'cost_off', concat(toString(round(Middle, 4)), ' USD'), concat(toString(round(Middle / 1000, 2)), ' s')), '.'
    ),
    if(IsWholeDay, pattern_at_least(length(Far), length(Now)), pattern_at_least(length(Before), length(Before))),
    pattern_evidence(arrayMap(each -> (each.1, each.2), Far)),
    length(arrayDistinct(arrayMap(each -> each.2, Far))),
    pattern_agreed(arrayMap(each -> each.4, Far)),
    pattern_agreed(arrayMap(each -> each.5, Far)),
    arrayMax(each -> each.1, Far)
FROM
(
    SELECT
        *,
        length(Before) AS Runs,
        Before[intDiv(Runs, 2) + 1] AS Middle,
        greatest(3 * Middle, Middle + More) AS Least,
        greatest(10, intDiv(Runs, 10)) AS Tail,
        arraySum(value -> log(least(value, Before[3]) / Before[Tail + 1]), arraySlice(Before, 1, Tail)) / (Tail - 2) AS Hill,
        count() OVER (PARTITION BY TenantId, Type) AS Agents,
        greatest(Least, Before[3] * pow(greatest(3 * length(Now) * Agents / Runs / 0.01, 1), Hill * (1 + 1 / sqrt(Tail - 2)))) AS Reach,
        arrayCount(each -> each.3 >= Least, Now) AS Many,
        Many >= 5 AND 2 * Many >= length(Now)
            AND pattern_surprise(Many, length(Now), pattern_at_most(arrayCount(value -> value >= Least, Before), Runs)) >= pattern_needs(Agents) AS IsWholeDay,
        arrayFilter(each -> each.3 >= if(IsWholeDay, Least, Reach), Now) AS Far,
        arrayMax(each -> each.3, Far) AS Greatest
    FROM judged
)
WHERE notEmpty(Far);
