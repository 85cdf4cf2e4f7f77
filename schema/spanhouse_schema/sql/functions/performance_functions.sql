-- What the views of days share.

-- The duration in milliseconds that stands for those in a bucket of performance_sums: its middle, in proportion.
CREATE OR REPLACE FUNCTION bucket_duration_ms AS (bucket) -> if(bucket = -32768, 0, pow(1.02, bucket) * 2 / 2.02);

-- The duration in milliseconds below which so much of them lies (0 to 1), between two of them in proportion: from buckets, in order, and
-- how many durations there are up to the end of each. It is within 1 % of the exact one.
CREATE OR REPLACE FUNCTION bucket_quantile_ms AS (buckets, up_to, level) -> if(empty(buckets), NULL,
    bucket_duration_ms(arrayFirst((bucket, number) -> number > floor((up_to[-1] - 1) * level), buckets, up_to))
        * (1 - ((up_to[-1] - 1) * level - floor((up_to[-1] - 1) * level)))
    + bucket_duration_ms(arrayFirst((bucket, number) -> number > ceil((up_to[-1] - 1) * level), buckets, up_to))
        * ((up_to[-1] - 1) * level - floor((up_to[-1] - 1) * level)));

-- A sum where something is known, as tokens: one that 64 bits cannot hold is unknown.
CREATE OR REPLACE FUNCTION known_tokens AS (sum, known) -> if(known = 0 OR sum > 18446744073709551615, NULL, toUInt64(sum));
