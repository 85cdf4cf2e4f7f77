-- One row is a process that settles: since when, and when it was done and had written everything. Of one that died, nobody said the latter;
-- and up to when everything that was inserted is settled, as of its last sweep.
-- Written by the settling; read by it, to find what such a process left half written or unsettled, and which ones were at the same traces
-- at once.
CREATE TABLE IF NOT EXISTS spanhouse.settlers
(
    Settler String CODEC(ZSTD(1)),
    BeganAt DateTime64(3) CODEC(ZSTD(1)),
    FinishedAt Nullable(DateTime64(3)) CODEC(ZSTD(1)),
    SettledTo Nullable(DateTime64(3)) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY Settler
SETTINGS
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
