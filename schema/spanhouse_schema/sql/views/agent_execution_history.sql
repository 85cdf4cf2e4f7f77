-- One row is one run of an agent, a workflow or a trace without either, for an audit: what it was asked and answered, thought and
-- called. Read by analysts. Tokens and cost are its own, and add up over all runs.
-- Input and output are whole: its span's, and before that has come what its events say of them. NULL where the raw rows have gone.
-- All that is looked up elsewhere is in one join, so that the engine chooses the runs first (by id, by time with LIMIT) and then
-- looks up only those. To count runs, count agent_executions.
CREATE OR REPLACE VIEW spanhouse.agent_execution_history AS
SELECT
    TenantId AS tenant_id,
    ExecutionId AS id,
    TraceId AS trace_id,
    CaseId AS case_id,
    ParentExecutionId AS parent_execution_id,
    Kind AS kind,
    nullIf(told.AgentType, '') AS agent_type,
    AgentId AS agent_id,
    AgentName AS agent_name,
    nullIf(told.Model, '') AS model,
    -- What the core tables call created, an audit knows as pending.
    if(Status = 'created', 'pending', toString(Status)) AS status,
    StatusMessage AS status_message,
    Outcome AS outcome,
    nullIf(told.Input, '') AS input_data,
    nullIf(told.Output, '') AS output_data,
    arrayMap(step -> CAST((step.1, step.3) AS Tuple(at DateTime64(9), thought String)), arraySort(told.Steps)) AS thinking_traces,
    arrayMap(
        tool -> CAST(tool AS Tuple(started_at DateTime64(9), span_id String, tool_name String, tool_args String, tool_result String, success Bool, error_message String, duration_ms Nullable(Float64))),
        arraySort(tool -> (tool.1, tool.2), told.Tools)
    ) AS tools_called,
    known_tokens(toInt128(InputTokens) + ifNull(CacheReadTokens, 0) + ifNull(CacheWriteTokens, 0), 1) AS input_tokens,
    known_tokens(toInt128(OutputTokens) + ifNull(ReasoningTokens, 0), 1) AS output_tokens,
    CostUSD AS cost_usd,
    StartedAt AS started_at,
    EndedAt AS completed_at,
    DurationMs AS duration_ms,
    ErrorType AS error_type,
    ErrorMessage AS error_message,
    if(told.IsHeard, least(StartedAt, told.HeardAt), StartedAt) AS created_at,
    UpdatedAt AS updated_at,
    SessionId AS session_id,
    UserId AS user_id,
    ClientAccountId AS client_account_id,
    EngagementId AS engagement_id,
    FlowId AS flow_id,
    ConfidenceScore AS confidence_score
FROM (SELECT *, UpdatedAt FROM spanhouse.agent_executions FINAL) AS run
LEFT ANY JOIN
(
    SELECT
        TenantId,
        TraceId,
        ExecutionId,
        argMaxIf(AgentType, (At, Id), notEmpty(AgentType)) AS AgentType,
        -- Of its first call; of its own span where its calls are not told of.
        argMinIf(Model, (About = 'span', At, Id), notEmpty(Model)) AS Model,
        argMaxIf(Input, (About = 'span', At, Id), notEmpty(Input)) AS Input,
        argMaxIf(Output, (About = 'span', At, Id), notEmpty(Output)) AS Output,
        groupUniqArrayIf((At, Id, Thought), notEmpty(Thought)) AS Steps,
        groupArrayIf((At, Id, Tool.1, Tool.2, Tool.3, Tool.4, Tool.5, Tool.6), About = 'tool') AS Tools,
        max(About = 'event') AS IsHeard,
        minIf(At, About = 'event') AS HeardAt
    FROM
    (
        SELECT
            TenantId, TraceId, ExecutionId, toString(Kind) AS About, StartedAt AS At, SpanId AS Id, '' AS AgentType,
            if(About = 'model', toString(if(notEmpty(ResponseModel), ResponseModel, RequestModel)), '') AS Model, '' AS Input, '' AS Output, '' AS Thought,
            (toString(ToolName), ToolArgumentsPreview, ToolResultPreview, Success, ErrorMessage, DurationMs) AS Tool
        FROM spanhouse.agent_calls FINAL
        UNION ALL
        SELECT
            tenant_id, trace_id, id, 'span', toDateTime64(0, 9), '', '', model, input_data, output_data, '',
            ('', '', '', false, '', NULL)
        FROM spanhouse.agent_execution_payloads
        UNION ALL
        SELECT
            TenantId, if(notEmpty(TraceId), TraceId, ExecutionId), ExecutionId, 'event', Timestamp, EventId, '', '',
            firstNonDefault(Attributes['gen_ai.input.messages'], Attributes['input.value']),
            firstNonDefault(Attributes['gen_ai.output.messages'], Attributes['output.value']),
            if(EventName = 'spanhouse.execution.thinking', firstNonDefault(Body, StatusMessage), ''),
            ('', '', '', false, '', NULL)
        FROM spanhouse.execution_events
        WHERE startsWith(EventName, 'spanhouse.execution.')
        UNION ALL
        SELECT TenantId, TraceId, SpanId, 'agent', At, Id, AgentType, '', '', '', '', ('', '', '', false, '', NULL)
        FROM spanhouse.record_statements
        WHERE record_statements.About = 'agent'
    )
    GROUP BY TenantId, TraceId, ExecutionId
) AS told USING (TenantId, TraceId, ExecutionId);
