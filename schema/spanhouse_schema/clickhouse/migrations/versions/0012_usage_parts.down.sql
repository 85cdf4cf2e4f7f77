-- Frozen, like what it takes back.

ALTER TABLE spanhouse.model_prices
    DROP COLUMN IF EXISTS requests_usd_per_thousand,
    DROP COLUMN IF EXISTS web_searches_usd_per_thousand,
    DROP COLUMN IF EXISTS cache_write_1h_usd_per_mtok,
    DROP COLUMN IF EXISTS output_video_usd_per_mtok,
    DROP COLUMN IF EXISTS input_video_usd_per_mtok,
    DROP COLUMN IF EXISTS output_image_usd_per_mtok,
    DROP COLUMN IF EXISTS cache_image_read_usd_per_mtok,
    DROP COLUMN IF EXISTS input_image_usd_per_mtok,
    DROP COLUMN IF EXISTS output_audio_usd_per_mtok,
    DROP COLUMN IF EXISTS cache_audio_read_usd_per_mtok,
    DROP COLUMN IF EXISTS input_audio_usd_per_mtok;
ALTER TABLE spanhouse.agent_calls DROP COLUMN IF EXISTS ServiceTier, DROP COLUMN IF EXISTS UsageParts;
ALTER TABLE spanhouse.agent_spans DROP COLUMN IF EXISTS ServiceTier, DROP COLUMN IF EXISTS UsageParts;
