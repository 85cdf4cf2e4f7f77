-- The rows of the touched days that are not what was counted last, and tombstones for those that nothing belongs to any more: as in
-- agent_performance_daily.sql.
INSERT INTO spanhouse.model_usage_daily
(
    tenant_id, date, client_account_id, engagement_id, service_name, agent_name, provider, model, llm_calls, failed_llm_calls,
    embedding_calls, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, embedding_tokens, cost_usd,
    unpriced_calls, version, is_deleted
)
SELECT now.* REPLACE greatest({version:UInt64}, before.version + 1) AS version
FROM
(
    (
        SELECT * FROM model_usage
        EXCEPT DISTINCT
        SELECT * REPLACE 0 AS version FROM model_used
    )
    UNION ALL
    SELECT * REPLACE 1 AS is_deleted
    FROM model_used
    WHERE NOT model_used.is_deleted
        AND (tenant_id, date, agent_name, service_name, client_account_id, engagement_id, provider, model)
            NOT IN (SELECT tenant_id, date, agent_name, service_name, client_account_id, engagement_id, provider, model FROM model_usage)
) AS now
LEFT JOIN model_used AS before USING (tenant_id, date, agent_name, service_name, client_account_id, engagement_id, provider, model);
