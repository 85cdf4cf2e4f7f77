-- One row is one counted call of a model or an embedding, for analysts: whatever instrumentations told of it.
-- The buckets of tokens are disjoint; NULL is unknown.
CREATE OR REPLACE VIEW spanhouse.llm_calls AS
SELECT
    TenantId AS tenant_id,
    ExecutionId AS execution_id,
    RootExecutionId AS root_execution_id,
    TraceId AS trace_id,
    SpanId AS span_id,
    ServiceName AS service_name,
    AgentId AS agent_id,
    AgentName AS agent_name,
    SessionId AS session_id,
    UserId AS user_id,
    ClientAccountId AS client_account_id,
    EngagementId AS engagement_id,
    StartedAt AS started_at,
    DurationMs AS duration_ms,
    if(Kind = 'model', 'chat', 'embeddings') AS operation,
    Provider AS provider,
    if(notEmpty(ResponseModel), ResponseModel, RequestModel) AS model,
    RequestModel AS request_model,
    Success AS success,
    ErrorType AS error_type,
    ErrorMessage AS error_message,
    Retries AS retries,
    InputTokens AS input_tokens,
    CacheReadTokens AS cache_read_tokens,
    CacheWriteTokens AS cache_write_tokens,
    OutputTokens AS output_tokens,
    ReasoningTokens AS reasoning_tokens,
    InputTokensInconsistent OR OutputTokensInconsistent AS tokens_inconsistent,
    InputTokensInconsistent AS input_tokens_inconsistent,
    OutputTokensInconsistent AS output_tokens_inconsistent,
    CostUSD AS cost_usd,
    CostSource AS cost_source,
    ResponseId AS response_id
FROM spanhouse.agent_calls FINAL
WHERE Kind IN ('model', 'embedding');
