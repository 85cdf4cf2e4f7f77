-- One row is what a model's tokens cost a tenant: from a date on, within hours of the day (UTC) where a provider has such, and
-- for calls of more than so many input tokens. A pair of provider and model that has no price has a row of NULLs.
-- Written by the settling, once for each pair that it sees (source `genai-prices`), by `spanhouse prices sync`, and by
-- `spanhouse prices set` (source `user`); read, with FINAL, by the settling and by whoever asks what something costs.
-- Of the rows that hold for a call counts the user's before the package's, then the later position, then the higher step.
CREATE TABLE IF NOT EXISTS spanhouse.model_prices
(
    tenant_id LowCardinality(String),
    -- As spans say them: ResponseModel where there is one, otherwise RequestModel.
    provider LowCardinality(String),
    model LowCardinality(String),
    -- genai-prices, user
    source LowCardinality(String),
    -- The later in genai-prices' own list wins; of the user's prices, the later date.
    position UInt32,
    valid_from DateTime('UTC'),
    -- Seconds of the day in UTC; until before from is over midnight.
    from_second UInt32,
    until_second UInt32,
    -- Tokens of input, cached ones too, that a call must exceed. Then all its tokens have this price.
    above_tokens UInt64,
    -- USD for a million tokens; NULL is unknown. 0 is free.
    input_usd_per_mtok Nullable(Decimal(18, 12)),
    cache_read_usd_per_mtok Nullable(Decimal(18, 12)),
    cache_write_usd_per_mtok Nullable(Decimal(18, 12)),
    output_usd_per_mtok Nullable(Decimal(18, 12)),
    reasoning_usd_per_mtok Nullable(Decimal(18, 12)),
    -- Of parts of these tokens; NULL: as the tokens that they are part of, and known to be so for images and video of the input alone.
    input_audio_usd_per_mtok Nullable(Decimal(18, 12)),
    cache_audio_read_usd_per_mtok Nullable(Decimal(18, 12)),
    output_audio_usd_per_mtok Nullable(Decimal(18, 12)),
    input_image_usd_per_mtok Nullable(Decimal(18, 12)),
    cache_image_read_usd_per_mtok Nullable(Decimal(18, 12)),
    output_image_usd_per_mtok Nullable(Decimal(18, 12)),
    input_video_usd_per_mtok Nullable(Decimal(18, 12)),
    output_video_usd_per_mtok Nullable(Decimal(18, 12)),
    cache_write_1h_usd_per_mtok Nullable(Decimal(18, 12)),
    -- USD for a thousand searches, and for a thousand calls, beside their tokens; NULL is unknown, and no fee for calls.
    web_searches_usd_per_thousand Nullable(Decimal(18, 12)),
    requests_usd_per_thousand Nullable(Decimal(18, 12)),
    -- What it was read from: the package's version and names for provider and model.
    origin String,

    -- When it was written, in microseconds.
    version UInt64,
    is_deleted UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (tenant_id, provider, model, source, position, valid_from, from_second, above_tokens)
SETTINGS
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
