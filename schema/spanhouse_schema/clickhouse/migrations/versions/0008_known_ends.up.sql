-- Frozen: what changes this table from here on is another revision.

ALTER TABLE spanhouse.otel_traces ADD COLUMN IF NOT EXISTS EndIsKnown Bool DEFAULT true CODEC(ZSTD(1));
