-- One row is one task that an agent worked at, known by its flow and its id. Read by analysts: by agent and time, by flow, by
-- status, by client and engagement.
-- A span that has a task's name is its work, and its end the task's end. One that only has `spanhouse.task.id` refers to it.
CREATE OR REPLACE VIEW spanhouse.agent_task_history AS
SELECT
    TenantId AS tenant_id,
    Flow AS flow_id,
    Agent.1 AS agent_id,
    Agent.2 AS agent_name,
    Agent.3 AS agent_type,
    Facts['id'] AS task_id,
    record_text(Facts, 'name') AS task_name,
    record_text(Facts, 'type') AS task_type,
    record_text(Facts, 'description') AS description,
    nullIf(State.1, '') AS status,
    CreatedAt AS created_at,
    if(IsStarted AND NOT (IsOver AND WorkedAt > State.2), WorkedAt, NULL) AS started_at,
    if(IsOver, State.2, NULL) AS completed_at,
    coalesce(execution_number(Facts['duration_seconds'], 1.7976931348623157e308), record_seconds(started_at, completed_at)) AS duration_seconds,
    coalesce(record_flag(Facts['success']), if(IsOver, CAST(State.1 = 'completed' AS Nullable(Bool)), NULL)) AS success,
    nullIf(substringUTF8(firstNonDefault(Facts['result'], if(IsOver, State.3, '')), 1, 200), '') AS result_preview,
    -- What went wrong before it succeeded is not how it ended.
    if(IsOver AND State.1 != 'completed', nullIf(Error, ''), NULL) AS error_message,
    Confidence AS confidence_score,
    -- What is not said is that of the runs which worked at this task alone.
    coalesce(toUInt64OrNull(Facts['llm_calls_count']), if(notEmpty(Runs), arraySum(run -> run.3, TopRuns), NULL)) AS llm_calls_count,
    coalesce(toUInt64OrNull(Facts['thinking_phases_count']), nullIf(Thoughts, 0)) AS thinking_phases_count,
    coalesce(toUInt64OrNull(Facts['token_usage']), known_tokens(arrayReduce('sumOrNull', arrayMap(run -> toInt128(run.4), TopRuns)), 1)) AS token_usage,
    Memory AS memory_usage_mb,
    ClientAccount AS client_account_id,
    Engagement AS engagement_id,
    Session AS session_id,
    UpdatedAt AS updated_at
FROM
(
    SELECT
        TenantId,
        Flow,
        Task,
        record_latest(maxMap(record_dated(Said, At, Id))) AS Facts,
        -- How it stands: a final word before any other, and one that was said before one that a span's end implies.
        argMaxIf((Word, At, Body), (Finality, At, Id), notEmpty(Word)) AS State,
        State.1 IN ('completed', 'failed', 'timeout', 'cancelled') AS IsOver,
        min(StartedAt) AS CreatedAt,
        max(At) AS UpdatedAt,
        max(IsWork) AS IsStarted,
        minIf(StartedAt, IsWork) AS WorkedAt,
        argMinIf((AgentId, AgentName, AgentType), (empty(AgentType), StartedAt, Id), notEmpty(AgentId) OR notEmpty(AgentName)) AS Agent,
        argMaxIf(ErrorMessage, (At, Id), notEmpty(ErrorMessage)) AS Error,
        argMaxIf(SaidConfidence, (At, Id), isNotNull(SaidConfidence)) AS Confidence,
        argMaxIf(MemoryMb, (At, Id), isNotNull(MemoryMb)) AS Memory,
        uniqExactIf(Id, Word = 'thinking') AS Thoughts,
        argMinIf(ClientAccountId, (At, Id), notEmpty(ClientAccountId)) AS ClientAccount,
        argMinIf(EngagementId, (At, Id), notEmpty(EngagementId)) AS Engagement,
        argMinIf(SessionId, (At, Id), notEmpty(SessionId)) AS Session,
        groupUniqArrayIf((ExecutionId, ParentExecutionId, ModelCalls, Tokens), notEmpty(ExecutionId) AND IsAlone) AS Runs,
        -- What a run has in total includes the runs below it.
        arrayFilter(run -> NOT has(arrayMap(each -> each.1, Runs), run.2), Runs) AS TopRuns
    FROM
    (
        SELECT
            *,
            -- What does not say its flow is of the one flow that has a task of this id.
            multiIf(notEmpty(FlowId), FlowId, FirstFlow = LastFlow, LastFlow, '') AS Flow,
            empty(EventName) AND notEmpty(Said['name']) AS IsSpan,
            multiIf(notEmpty(SaidWord), transform(SaidWord, ['success', 'error'], ['completed', 'failed'], SaidWord), NOT IsSpan, '', Failed, 'failed', 'completed') AS Word,
            multiIf(Word NOT IN ('completed', 'failed', 'timeout', 'cancelled'), 0, empty(SaidWord), 1, 2) AS Finality,
            IsSpan OR Word IN ('starting', 'running', 'thinking', 'waiting_for_llm', 'blocked', 'paused') AS IsWork,
            coalesce(execution_number(Said['confidence'], 1), ConfidenceScore) AS SaidConfidence
        FROM
        (
            SELECT
                *,
                firstNonDefault(Said['id'], concat(SpanId, Said['name'])) AS Task,
                arrayFirst(
                    word -> execution_status(word) != '',
                    [extract(EventName, '^spanhouse[.]task[.]([a-z_]+)$'), lower(Said['status'])]
                ) AS SaidWord,
                -- Whether this is all that its run worked at.
                (TenantId, TraceId, SpanId) IN (
                    SELECT TenantId, TraceId, SpanId
                    FROM spanhouse.record_statements
                    WHERE About = 'task'
                    GROUP BY TenantId, TraceId, SpanId
                    HAVING min(firstNonDefault(Said['id'], Said['name'])) = max(firstNonDefault(Said['id'], Said['name']))
                ) AS IsAlone
            FROM spanhouse.record_statements_in_context
            WHERE About = 'task'
        ) AS statement
        LEFT ANY JOIN
        (
            SELECT TenantId, Said['id'] AS Task, minIf(FlowId, notEmpty(FlowId)) AS FirstFlow, max(FlowId) AS LastFlow
            FROM spanhouse.record_statements
            WHERE About = 'task' AND notEmpty(Task)
            GROUP BY TenantId, Task
        ) AS flow USING (TenantId, Task)
    )
    GROUP BY TenantId, Flow, Task
    HAVING max(notEmpty(Word) OR startsWith(EventName, 'spanhouse.task.'))
);
