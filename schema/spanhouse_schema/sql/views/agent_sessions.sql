-- One row is one session (a cycle of research, a conversation): of what was said of it the latest, and what its executions used.
-- Read by analysts; agent_metrics is made of it. Fields that nobody said are NULL.
-- Agents that run under a session's id and say nothing of it make a session too. Its phase is NULL: nobody said that it is idle.
CREATE OR REPLACE VIEW spanhouse.agent_sessions AS
SELECT
    TenantId AS tenant_id,
    SessionId AS id,
    Agent.1 AS agent_id,
    Agent.2 AS agent_name,
    User AS user_id,
    ClientAccount AS client_account_id,
    Engagement AS engagement_id,
    -- A completed session stays so, whatever is said later. It is idle, unless its completion named another phase.
    if(isNull(completed_at), record_text(Facts, 'phase'), coalesce(nullIf(LastPhase, ''), 'idle')) AS phase,
    record_text(Facts, 'strategy_name') AS strategy_name,
    record_text(Facts, 'strategy_config') AS strategy_config,
    coalesce(record_text(Facts, 'strategy_file_path'), record_text(Facts, 'strategy_file')) AS strategy_file_path,
    -- Said all at once, the latest list; and one by one, by processes that do not know of each other.
    arrayDistinct(arrayConcat(record_list(Facts['operation_ids']), arrayMap(operation -> operation.3, Operations))) AS operation_ids,
    record_text(Facts, 'training_results') AS training_results,
    record_text(Facts, 'backtest_results') AS backtest_results,
    record_text(Facts, 'assessment') AS assessment,
    JSONExtract(Facts['assessment'], 'passed', 'Nullable(Bool)') AS assessment_passed,
    JSONExtract(Facts['assessment'], 'explanation', 'Nullable(String)') AS assessment_explanation,
    nullIf(JSONExtractRaw(Facts['assessment'], 'metrics'), '') AS assessment_metrics,
    record_text(Facts, 'outcome') AS outcome,
    record_text(Facts, 'failure_reason') AS failure_reason,
    -- Which gate it did not pass: as was said, otherwise the one that the outcome names (failed_training_gate).
    coalesce(record_text(Facts, 'gate_failed'), nullIf(extract(Facts['outcome'], '^failed_(.+)_gate$'), '')) AS gate_failed,
    mapApply(
        (name, text) -> (substring(name, 8), record_number(text)),
        mapFilter((name, text) -> startsWith(name, 'metric.'), Facts)
    ) AS metrics,
    Executions AS executions,
    TokensIn AS total_tokens_in,
    TokensOut AS total_tokens_out,
    Cost AS estimated_cost_usd,
    CreatedAt AS created_at,
    UpdatedAt AS updated_at,
    -- By its event; without one, since when its outcome is known.
    multiIf(IsCompleted, CompletedAt, HasOutcome, OutcomeAt, NULL) AS completed_at
FROM
(
    SELECT
        TenantId,
        SessionId,
        argMinIf((AgentId, AgentName), (IsBelow, StartedAt, Id), notEmpty(AgentId) OR notEmpty(AgentName)) AS Agent,
        argMinIf(UserId, (StartedAt, Id), notEmpty(UserId)) AS User,
        argMinIf(ClientAccountId, (StartedAt, Id), notEmpty(ClientAccountId)) AS ClientAccount,
        argMinIf(EngagementId, (StartedAt, Id), notEmpty(EngagementId)) AS Engagement,
        argMaxIf(Said['phase'], (At, Id), EventName = 'spanhouse.session.completed' AND notEmpty(Said['phase'])) AS LastPhase,
        max(EventName = 'spanhouse.session.completed') AS IsCompleted,
        minIf(At, EventName = 'spanhouse.session.completed') AS CompletedAt,
        max(notEmpty(Said['outcome'])) AS HasOutcome,
        minIf(At, notEmpty(Said['outcome'])) AS OutcomeAt,
        countIf(IsExecution) AS Executions,
        known_tokens(sumOrNull(InputTokens), 1) AS TokensIn,
        known_tokens(sumOrNull(OutputTokens), 1) AS TokensOut,
        sumOrNull(CostUSD) AS Cost,
        arraySort(groupArrayIf((At, Id, Said['operation_id']), notEmpty(Said['operation_id']))) AS Operations,
        min(StartedAt) AS CreatedAt,
        max(At) AS UpdatedAt,
        record_latest(maxMap(record_dated(Said, At, Id))) AS Facts
    FROM
    (
        SELECT
            TenantId, SessionId, Id, EventName, StartedAt, At, AgentId, AgentName, UserId, ClientAccountId, EngagementId, Said,
            false AS IsExecution, false AS IsBelow, NULL AS InputTokens, NULL AS OutputTokens, NULL AS CostUSD
        FROM spanhouse.record_statements_in_context
        WHERE About = 'session' AND notEmpty(SessionId)
        UNION ALL
        SELECT
            TenantId, SessionId, ExecutionId AS Id, '' AS EventName, StartedAt,
            greatest(StartedAt, ifNull(EndedAt, StartedAt), ifNull(LastEventAt, StartedAt)) AS At,
            AgentId, AgentName, UserId, ClientAccountId, EngagementId,
            CAST(map() AS Map(String, String)) AS Said,
            true AS IsExecution, notEmpty(ParentExecutionId) AS IsBelow,
            toInt128(InputTokens) + ifNull(CacheReadTokens, 0) + ifNull(CacheWriteTokens, 0) AS InputTokens,
            toInt128(OutputTokens) + ifNull(ReasoningTokens, 0) AS OutputTokens,
            CostUSD
        FROM spanhouse.agent_executions FINAL
        WHERE notEmpty(SessionId)
    )
    GROUP BY TenantId, SessionId
);
