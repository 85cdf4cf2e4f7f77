-- One row is one counted call of a tool, for analysts. Arguments and result are their first 200 characters: the whole is in
-- otel_traces, under the same trace_id and span_id. Tokens are what the tool's own span reports, NULL where it reports none.
-- The column `when` is what the word says; tools that reserve it can read started_at.
CREATE OR REPLACE VIEW spanhouse.agent_actions AS
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
    StartedAt AS `when`,
    DurationMs AS duration_ms,
    ToolName AS tool_name,
    ToolCallId AS tool_call_id,
    ToolArgumentsPreview AS tool_args,
    ToolResultPreview AS tool_result,
    Success AS success,
    ErrorType AS error_type,
    ErrorMessage AS error_message,
    known_tokens(toInt128(InputTokens) + ifNull(CacheReadTokens, 0) + ifNull(CacheWriteTokens, 0), 1) AS tokens_input,
    known_tokens(toInt128(OutputTokens) + ifNull(ReasoningTokens, 0), 1) AS tokens_output
FROM spanhouse.agent_calls FINAL
WHERE Kind = 'tool';
