-- One row is one run with everything that an audit asks of it: input, output, thoughts and tool calls, whole.
-- Asked by whoever opens one run. No row means that there is none of this id. Tokens and cost are its own.
WITH (SELECT any(StatusNow) FROM spanhouse.agent_executions FINAL WHERE ExecutionId = {id:String}) AS status_now
SELECT
    id,
    trace_id,
    case_id,
    parent_execution_id,
    kind,
    agent_type,
    agent_id,
    agent_name,
    model,
    if(status_now = 'stalled', 'stalled', history.status) AS status,
    status_message,
    outcome,
    input_data,
    output_data,
    thinking_traces,
    tools_called,
    input_tokens,
    output_tokens,
    cost_usd,
    started_at,
    completed_at,
    duration_ms,
    error_type,
    error_message,
    created_at,
    updated_at,
    session_id,
    user_id,
    client_account_id,
    engagement_id,
    flow_id,
    confidence_score
FROM spanhouse.agent_execution_history AS history
-- Its calls, events and raw spans are found by the trace.
WHERE id = {id:String} AND trace_id IN (SELECT TraceId FROM spanhouse.agent_executions WHERE ExecutionId = {id:String})
ORDER BY updated_at DESC
LIMIT 1
