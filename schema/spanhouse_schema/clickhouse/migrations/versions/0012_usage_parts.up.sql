-- Frozen: what changes these tables from here on is another revision.

ALTER TABLE spanhouse.agent_spans
    ADD COLUMN IF NOT EXISTS UsageParts Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)) AFTER TotalTokens,
    ADD COLUMN IF NOT EXISTS ServiceTier LowCardinality(String) CODEC(ZSTD(1)) AFTER UsageParts;
ALTER TABLE spanhouse.agent_calls
    ADD COLUMN IF NOT EXISTS UsageParts Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)) AFTER OutputTokensInconsistent,
    ADD COLUMN IF NOT EXISTS ServiceTier LowCardinality(String) CODEC(ZSTD(1)) AFTER UsageParts;
ALTER TABLE spanhouse.model_prices
    ADD COLUMN IF NOT EXISTS input_audio_usd_per_mtok Nullable(Decimal(18, 12)) AFTER reasoning_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS cache_audio_read_usd_per_mtok Nullable(Decimal(18, 12)) AFTER input_audio_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS output_audio_usd_per_mtok Nullable(Decimal(18, 12)) AFTER cache_audio_read_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS input_image_usd_per_mtok Nullable(Decimal(18, 12)) AFTER output_audio_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS cache_image_read_usd_per_mtok Nullable(Decimal(18, 12)) AFTER input_image_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS output_image_usd_per_mtok Nullable(Decimal(18, 12)) AFTER cache_image_read_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS input_video_usd_per_mtok Nullable(Decimal(18, 12)) AFTER output_image_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS output_video_usd_per_mtok Nullable(Decimal(18, 12)) AFTER input_video_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS cache_write_1h_usd_per_mtok Nullable(Decimal(18, 12)) AFTER output_video_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS web_searches_usd_per_thousand Nullable(Decimal(18, 12)) AFTER cache_write_1h_usd_per_mtok,
    ADD COLUMN IF NOT EXISTS requests_usd_per_thousand Nullable(Decimal(18, 12)) AFTER web_searches_usd_per_thousand;
