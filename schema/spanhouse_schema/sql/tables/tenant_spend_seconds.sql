-- One row is a part of what a tenant spent in a second: the rows of a key add up. However much happens, a day has 86,400 of them.
-- Written by tenant_spend_seconds_mv; read by the views of budgets, which say when a limit was reached.
CREATE TABLE IF NOT EXISTS spanhouse.tenant_spend_seconds
(
    TenantId LowCardinality(String) CODEC(ZSTD(1)),
    -- In SPANHOUSE_TIMEZONE.
    Day Date32 CODEC(Delta, ZSTD(1)),
    At DateTime64(0, 'UTC') CODEC(Delta, ZSTD(1)),
    -- How many calls have a price, and what they cost.
    Priced Int64 CODEC(ZSTD(1)),
    CostUSD Decimal(38, 12) CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree
ORDER BY (TenantId, Day, At)
SETTINGS
    index_granularity = 1024,
    -- A block may be like an earlier one and no replay: what was taken back is so again.
    non_replicated_deduplication_window = 0,
    replicated_deduplication_window = 0;
