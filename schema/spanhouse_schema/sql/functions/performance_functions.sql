-- What the views of days share.

-- The duration in milliseconds at a place among many, which stand in buckets of performance_sums: from the buckets, in order, and how many
-- durations there are up to the end of each. A bucket's middle stands for those in it, and lies within 1 % of each; between two places, in
-- proportion. (1.02 to the power of -32768, the bucket of no time, is 0.)
CREATE OR REPLACE FUNCTION duration_ms_at AS (buckets, up_to, place) -> 2 / 2.02 * (
    pow(1.02, arrayFirst((bucket, number) -> number > floor(place), buckets, up_to)) * (1 - place + floor(place))
    + pow(1.02, arrayFirst((bucket, number) -> number > ceil(place), buckets, up_to)) * (place - floor(place))
);

-- A sum where something is known, as tokens: one that 64 bits cannot hold is unknown.
CREATE OR REPLACE FUNCTION known_tokens AS (sum, known) -> if(known = 0 OR sum > 18446744073709551615, NULL, toUInt64(sum));
