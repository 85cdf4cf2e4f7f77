-- Frozen: what changes this table from here on is another revision.

ALTER TABLE spanhouse.settlers ADD COLUMN IF NOT EXISTS SettledTo Nullable(DateTime64(3)) CODEC(ZSTD(1));
