-- What the views of budgets share.

-- What a tenant may spend in a day, in USD, of whom nothing was said: a setting of the installation.
CREATE OR REPLACE FUNCTION budget_default AS () -> toDecimal128({default_budget_usd}, 12);

-- The limits for a day that a scope had, in order: since when (Unix seconds), and how many USD. Before everything that was said, and before
-- everything that can be spent, a tenant has the default and nobody else any.
CREATE OR REPLACE FUNCTION budget_limits_in_force AS (scope, said) ->
    arrayConcat([(toInt64(-9300000000), if(scope = 'tenant', budget_default(), NULL))], said);

-- The limit that held at the end of a day.
CREATE OR REPLACE FUNCTION budget_limit_of_day AS (day, limits) ->
    arrayLast(each -> toDate32(toDateTime64(each.1, 0), {timezone:String}) <= day, limits).2;

-- The moments of a day at which a threshold may be reached (Unix seconds and USD, in order): something was spent, or a limit was lowered.
CREATE OR REPLACE FUNCTION budget_moments AS (day, spent, said) -> arraySort(arrayConcat(
    spent,
    arrayMap(
        second -> (second, toDecimal128(0, 12)),
        arrayFilter(second -> toDate32(toDateTime64(second, 0), {timezone:String}) = day, said.1)
    )
));

-- The first moments by which so many percents of the limits that held then were spent (Unix seconds); 0 where there is none.
CREATE OR REPLACE FUNCTION budget_reached AS (moments, limits, percents) -> arrayMap(
    percent -> arrayFirst(
        (moment, usd) -> ifNull(usd * 100 >= arrayLast(each -> each.1 <= moment.1, limits).2 * percent, false),
        moments,
        arrayCumSum(moments.2)
    ).1,
    percents
);

-- A moment, as a time.
CREATE OR REPLACE FUNCTION budget_time AS second -> toDateTime64(nullIf(second, 0), 0, 'UTC');

-- What was spent, where it is known: unknown where nothing that was used has a price.
CREATE OR REPLACE FUNCTION budget_used AS (usd, priced, unpriced) -> if(priced > 0 OR unpriced = 0, usd, NULL);

-- What is left of a limit: nothing where more was spent, unknown where there is no limit or nobody knows what was spent.
CREATE OR REPLACE FUNCTION budget_remaining AS (limit_usd, used_usd) ->
    if(isNull(limit_usd) OR isNull(used_usd), NULL, greatest(limit_usd - used_usd, 0));

-- What an agent should do now: `stop` where the limit is reached; `warn` from 80 percent of it on, and where calls without a price
-- make what was spent unknown; `allow`.
CREATE OR REPLACE FUNCTION budget_verdict AS (limit_usd, used_usd, unpriced_calls) -> multiIf(
    isNull(limit_usd), 'allow',
    ifNull(used_usd >= limit_usd, false), 'stop',
    unpriced_calls > 0 OR ifNull(used_usd * 100 >= limit_usd * 80, false), 'warn',
    'allow'
);

-- The scopes that something counts in which these agents, users and sessions did: pairs of scope and id. Who has no name has no budget.
CREATE OR REPLACE FUNCTION budget_scopes AS (agents, users, sessions) -> arrayConcat(
    [('tenant', '')],
    arrayMap(id -> ('agent', id), arrayFilter(id -> notEmpty(id), agents)),
    arrayMap(id -> ('user', id), arrayFilter(id -> notEmpty(id), users)),
    arrayMap(id -> ('session', id), arrayFilter(id -> notEmpty(id), sessions))
);
