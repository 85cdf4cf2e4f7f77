-- Frozen: what changes these tables from here on is another revision.

ALTER TABLE spanhouse.agent_spans
    ADD COLUMN IF NOT EXISTS Process UInt64 CODEC(ZSTD(1)) AFTER ServiceName,
    ADD COLUMN IF NOT EXISTS SaysOk Bool CODEC(ZSTD(1)) AFTER Cancelled;
ALTER TABLE spanhouse.response_ids
    DROP COLUMN IF EXISTS IsRoot,
    DROP COLUMN IF EXISTS Signature,
    DROP COLUMN IF EXISTS EndedAt,
    DROP COLUMN IF EXISTS Model,
    DROP COLUMN IF EXISTS InputTokens,
    DROP COLUMN IF EXISTS OutputTokens;
