-- Frozen: what changes these tables from here on is another revision.

ALTER TABLE spanhouse.agent_spans
    ADD COLUMN IF NOT EXISTS WholeInputTokens Nullable(UInt64) CODEC(ZSTD(1)) AFTER ReasoningTokens,
    ADD COLUMN IF NOT EXISTS WholeOutputTokens Nullable(UInt64) CODEC(ZSTD(1)) AFTER WholeInputTokens,
    ADD COLUMN IF NOT EXISTS TotalTokens Nullable(UInt64) CODEC(ZSTD(1)) AFTER WholeOutputTokens,
    ADD COLUMN IF NOT EXISTS UnreadUsage Array(Tuple(Name LowCardinality(String), Tokens UInt64)) CODEC(ZSTD(1)) AFTER TotalTokens,
    DROP COLUMN IF EXISTS TokensInconsistent;
ALTER TABLE spanhouse.agent_calls RENAME COLUMN IF EXISTS TokensInconsistent TO InputTokensInconsistent;
ALTER TABLE spanhouse.agent_calls ADD COLUMN IF NOT EXISTS OutputTokensInconsistent Bool CODEC(ZSTD(1)) AFTER InputTokensInconsistent;
