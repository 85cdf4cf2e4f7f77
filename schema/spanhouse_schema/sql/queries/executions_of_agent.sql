-- One row is one run of an agent, in its latest state, newest first. Asked by the history of an agent.
-- `statuses` are the statuses to show; empty shows all. Input and output are previews: `execution` has them whole.
-- What is total counts the executions below too.
SELECT
    ExecutionId AS id,
    TraceId AS trace_id,
    ParentExecutionId AS parent_execution_id,
    RootExecutionId AS root_execution_id,
    Kind AS kind,
    AgentId AS agent_id,
    AgentName AS agent_name,
    AgentVersion AS agent_version,
    ServiceName AS service_name,
    UserId AS user_id,
    SessionId AS session_id,
    ClientAccountId AS client_account_id,
    EngagementId AS engagement_id,
    CaseId AS case_id,
    FlowId AS flow_id,
    if(StatusNow = 'created', 'pending', StatusNow) AS status,
    StatusMessage AS status_message,
    WaitingFor AS waiting_for,
    StartedAt AS execution_start,
    EndedAt AS execution_end,
    DurationMs AS execution_time_ms,
    InputPreview AS input_preview,
    OutputPreview AS output_preview,
    ErrorType AS error_type,
    ErrorMessage AS error_message,
    Outcome AS outcome,
    ConfidenceScore AS confidence_score,
    TotalModelCalls AS total_model_calls,
    TotalToolCalls AS total_tool_calls,
    -- NULL where 64 bits cannot hold it.
    accurateCastOrNull(toInt128(TotalInputTokens) + ifNull(TotalCacheReadTokens, 0) + ifNull(TotalCacheWriteTokens, 0), 'UInt64') AS total_input_tokens,
    accurateCastOrNull(toInt128(TotalOutputTokens) + ifNull(TotalReasoningTokens, 0), 'UInt64') AS total_output_tokens,
    TotalCostUSD AS total_cost_usd,
    TotalCostSource AS total_cost_source,
    UpdatedAt AS updated_at,
    StartedAt AS position_at,
    [TraceId, ExecutionId] AS position_key,
    {{position}}
FROM spanhouse.agent_executions_by_agent FINAL
WHERE AgentName = {agent:String}
    AND (empty({statuses:Array(String)}) OR has({statuses:Array(String)}, status))
    AND {{window}}
    AND {{after}}
{{page}}
