-- What the rules of the discovery have in common. Read by the statements of the discovery only.

-- Of a share that was seen k times in n, the least and the most that it is likely to be: the 95 % interval of Wilson (1927),
-- which is right for few cases too, and for none or all of them.
CREATE OR REPLACE FUNCTION pattern_at_least AS (k, n) -> (k + 1.9208 - 1.96 * sqrt(k * (n - k) / n + 0.9604)) / (n + 3.8416);
CREATE OR REPLACE FUNCTION pattern_at_most AS (k, n) -> (k + 1.9208 + 1.96 * sqrt(k * (n - k) / n + 0.9604)) / (n + 3.8416);

-- How little k or more cases in n are to be expected where each has the chance p: minus the logarithm of Chernoff's bound (1952),
-- n times the Kullback-Leibler divergence. The true chance is smaller.
CREATE OR REPLACE FUNCTION pattern_surprise AS (k, n, p) ->
    if(k > n * p, k * log(k / n / p) + if(k < n, (n - k) * log((n - k) / n / (1 - p)), 0), 0);

-- The surprise that a finding needs where so many things were looked at (Bonferroni): chance alone makes one finding of each
-- type, for a tenant, in a hundred days at the most.
CREATE OR REPLACE FUNCTION pattern_needs AS (looked_at) -> log(looked_at / 0.01);

-- The first 20 trace ids of pairs of time and trace id.
CREATE OR REPLACE FUNCTION pattern_evidence AS (shown) -> arraySlice(arrayDistinct(arrayMap(each -> each.2, arraySort(shown))), 1, 20);

-- What all agree on, otherwise nothing.
CREATE OR REPLACE FUNCTION pattern_agreed AS (texts) -> if(length(arrayDistinct(texts)) = 1, toString(texts[1]), '');

CREATE OR REPLACE FUNCTION pattern_whose AS (agent) -> if(empty(agent), '', concat(' of agent `', agent, '`'));
