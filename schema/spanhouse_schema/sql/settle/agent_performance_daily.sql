-- The rows of the touched days that are not what was counted last, and tombstones for those that no execution belongs to any more. A
-- version is greater than the one before even where a clock was set back.
INSERT INTO spanhouse.agent_performance_daily
(
    tenant_id, date, client_account_id, engagement_id, service_name, agent_name, tasks_attempted, tasks_completed, tasks_failed,
    tasks_cancelled, success_rate, avg_duration_ms, p50_duration_ms, p95_duration_ms, p99_duration_ms, avg_confidence, total_llm_calls,
    failed_llm_calls, embedding_calls, tool_calls, tool_failures, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
    reasoning_tokens, embedding_tokens, total_tokens, cost_usd, unpriced_calls, distinct_users, distinct_sessions, version, is_deleted
)
SELECT now.* REPLACE greatest({version:UInt64}, before.version + 1) AS version
FROM
(
    (
        SELECT * FROM performance
        EXCEPT DISTINCT
        SELECT * REPLACE 0 AS version FROM performed
    )
    UNION ALL
    SELECT * REPLACE 1 AS is_deleted
    FROM performed
    WHERE NOT performed.is_deleted
        AND (tenant_id, date, agent_name, service_name, client_account_id, engagement_id)
            NOT IN (SELECT tenant_id, date, agent_name, service_name, client_account_id, engagement_id FROM performance)
) AS now
LEFT JOIN performed AS before USING (tenant_id, date, agent_name, service_name, client_account_id, engagement_id);
