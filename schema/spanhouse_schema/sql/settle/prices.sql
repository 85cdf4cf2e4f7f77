-- The prices of some models, and all that users have set for the tenants of these, who may spell a model otherwise: in USD for a million
-- tokens; of those that hold for a call the last counts.
SELECT
    tenant_id AS TenantId,
    provider AS Provider,
    model AS Model,
    source AS Source,
    origin AS Origin,
    toInt64(toUnixTimestamp(valid_from)) AS ValidFrom,
    toInt64(from_second) AS FromSecond,
    toInt64(until_second) AS UntilSecond,
    above_tokens AS AboveTokens,
    input_usd_per_mtok AS Input,
    cache_read_usd_per_mtok AS CacheRead,
    cache_write_usd_per_mtok AS CacheWrite,
    output_usd_per_mtok AS Output,
    reasoning_usd_per_mtok AS Reasoning,
    input_audio_usd_per_mtok AS InputAudio,
    cache_audio_read_usd_per_mtok AS CachedAudio,
    output_audio_usd_per_mtok AS OutputAudio,
    input_image_usd_per_mtok AS InputImage,
    cache_image_read_usd_per_mtok AS CachedImage,
    output_image_usd_per_mtok AS OutputImage,
    input_video_usd_per_mtok AS InputVideo,
    output_video_usd_per_mtok AS OutputVideo,
    cache_write_1h_usd_per_mtok AS CacheWrite1h,
    web_searches_usd_per_thousand AS WebSearches,
    requests_usd_per_thousand AS Requests
FROM spanhouse.model_prices FINAL
WHERE (tenant_id, provider, model) IN (SELECT TenantId, Provider, Model FROM models)
    OR (source = 'user' AND tenant_id IN (SELECT TenantId FROM models))
ORDER BY source = 'user', position, valid_from, above_tokens;
