-- How what costs were read from is said in a word. Read by the settling only. (Not called cost_source: readers may name no function
-- that they may not call, not even as a column.)

-- Of the bits of CostSources: 1 reported, 2 computed, 4 no price, 8 a price for some tokens only.
CREATE OR REPLACE FUNCTION source_of_costs AS (sources) ->
    multiIf(sources = 0, '', sources = 1, 'reported', sources = 4, 'unpriced', bitAnd(sources, 12) = 0, 'computed', 'partial');
