-- Frozen, like what it takes back.

ALTER TABLE spanhouse.agent_spans DROP COLUMN IF EXISTS Process, DROP COLUMN IF EXISTS SaysOk;
ALTER TABLE spanhouse.response_ids
    ADD COLUMN IF NOT EXISTS IsRoot Bool CODEC(ZSTD(1)) AFTER SpanId,
    ADD COLUMN IF NOT EXISTS Signature UInt64 CODEC(ZSTD(1)) AFTER IsRoot,
    ADD COLUMN IF NOT EXISTS EndedAt DateTime64(9) CODEC(Delta, ZSTD(1)) AFTER StartedAt,
    ADD COLUMN IF NOT EXISTS Model LowCardinality(String) CODEC(ZSTD(1)) AFTER EndedAt,
    ADD COLUMN IF NOT EXISTS InputTokens UInt64 CODEC(ZSTD(1)) AFTER Model,
    ADD COLUMN IF NOT EXISTS OutputTokens UInt64 CODEC(ZSTD(1)) AFTER InputTokens;
