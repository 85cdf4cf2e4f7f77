-- What the counting of budgets and the views on them share.

-- What a tenant may spend in a day, in USD, of whom nothing was said: a setting of the installation.
CREATE OR REPLACE FUNCTION budget_default AS () -> toDecimal128({default_budget_usd}, 12);

-- From moments (Unix seconds, in order), what had been spent by the end of each, and the limit that held then: the first at which so
-- many percent of the limit were reached; 0 if there is none.
CREATE OR REPLACE FUNCTION budget_reached AS (seconds, spent, limits, percent) ->
    arrayFirst((second, sum, usd) -> ifNull(sum * 100 >= usd * percent, false), seconds, spent, limits);

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
