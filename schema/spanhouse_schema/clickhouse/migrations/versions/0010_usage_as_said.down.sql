-- Frozen, like what it takes back.

ALTER TABLE spanhouse.agent_calls DROP COLUMN IF EXISTS OutputTokensInconsistent;
ALTER TABLE spanhouse.agent_calls RENAME COLUMN IF EXISTS InputTokensInconsistent TO TokensInconsistent;
ALTER TABLE spanhouse.agent_spans
    ADD COLUMN IF NOT EXISTS TokensInconsistent Bool CODEC(ZSTD(1)) AFTER ReasoningTokens,
    DROP COLUMN IF EXISTS UnreadUsage,
    DROP COLUMN IF EXISTS TotalTokens,
    DROP COLUMN IF EXISTS WholeOutputTokens,
    DROP COLUMN IF EXISTS WholeInputTokens;
