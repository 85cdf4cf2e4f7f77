-- Reads a lifecycle event into columns. What its record's attributes do not say of agent, session, user and client, its
-- resource's may; whose it is they say by any of the conventions. Nothing here can throw, whatever a client sends: a number that cannot be read is NULL.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.execution_events_mv TO spanhouse.execution_events AS
SELECT
    TenantId,
    TraceId,
    lower(firstNonDefault(LogAttributes['spanhouse.execution.id'], SpanId)) AS ExecutionId,
    lower(LogAttributes['spanhouse.execution.parent_id']) AS ParentExecutionId,
    EventId,
    Name AS EventName,
    Timestamp,
    IngestedAt,
    ServiceName,

    -- What was raised may be a cancellation, a pause or a hand-over, though it is said to have failed.
    transform(ending, ['paused', 'handed over', 'cancelled'], ['paused', 'completed', 'cancelled'], execution_status(status)) AS Status,
    -- Of these two, the word says more than the status that it stands for.
    firstNonDefault(LogAttributes['spanhouse.execution.status_message'], if(status IN ('thinking', 'waiting_for_llm'), status, '')) AS StatusMessage,
    lower(LogAttributes['spanhouse.execution.waiting_for']) AS WaitingFor,
    execution_number(LogAttributes['spanhouse.execution.progress'], 1) AS Progress,
    toUInt64OrNull(LogAttributes['spanhouse.execution.tasks_total']) AS TasksTotal,
    toUInt64OrNull(LogAttributes['spanhouse.execution.tasks_completed']) AS TasksCompleted,
    execution_number(LogAttributes['spanhouse.execution.expires_in'], 1.7976931348623157e308) AS ExpiresInSeconds,
    LogAttributes['spanhouse.execution.outcome'] AS Outcome,
    execution_number(LogAttributes['spanhouse.execution.confidence'], 1) AS ConfidenceScore,
    firstNonDefault(LogAttributes['error.type'], if('timeout' IN (status, task_status), 'timeout', LogAttributes['exception.type'])) AS ErrorType,
    firstNonDefault(LogAttributes['exception.message'], LogAttributes['error.message']) AS ErrorMessage,

    firstNonDefault(LogAttributes['gen_ai.agent.id'], ResourceAttributes['gen_ai.agent.id']) AS AgentId,
    firstNonDefault(LogAttributes['gen_ai.agent.name'], ResourceAttributes['gen_ai.agent.name']) AS AgentName,
    firstNonDefault(LogAttributes['gen_ai.agent.version'], ResourceAttributes['gen_ai.agent.version']) AS AgentVersion,
    firstNonDefault({SessionId of LogAttributes}, {SessionId of ResourceAttributes}) AS SessionId,
    firstNonDefault({UserId of LogAttributes}, {UserId of ResourceAttributes}) AS UserId,
    firstNonDefault({ClientAccountId of LogAttributes}, {ClientAccountId of ResourceAttributes}) AS ClientAccountId,
    firstNonDefault({EngagementId of LogAttributes}, {EngagementId of ResourceAttributes}) AS EngagementId,
    firstNonDefault({CaseId of LogAttributes}, {CaseId of ResourceAttributes}) AS CaseId,
    firstNonDefault({FlowId of LogAttributes}, {FlowId of ResourceAttributes}) AS FlowId,

    LogAttributes['spanhouse.task.id'] AS TaskId,
    LogAttributes['spanhouse.task.name'] AS TaskName,
    LogAttributes['spanhouse.task.type'] AS TaskType,
    LogAttributes['spanhouse.task.description'] AS TaskDescription,
    execution_status(task_status) AS TaskStatus,
    execution_number(LogAttributes['spanhouse.memory_mb'], 1.7976931348623157e308) AS MemoryMb,

    Body,
    mapFilter(
        (key, text) -> key NOT IN (
            'event.name', 'event_name', 'spanhouse.event.id',
            'spanhouse.execution.id', 'spanhouse.execution.parent_id', 'spanhouse.execution.status_message',
            'spanhouse.execution.waiting_for', 'spanhouse.execution.outcome', 'error.type',
            'gen_ai.agent.id', 'gen_ai.agent.name', 'gen_ai.agent.version', 'user.id',
            'spanhouse.client_account.id', 'spanhouse.engagement.id', 'spanhouse.case.id', 'spanhouse.flow.id',
            'spanhouse.task.id', 'spanhouse.task.name', 'spanhouse.task.type', 'spanhouse.task.description'
        ),
        LogAttributes
    ) AS Attributes
FROM
(
    SELECT
        *,
        -- The first of the two that is a status: the name's last word, the attribute.
        arrayFirst(
            word -> execution_status(word) != '',
            [extract(Name, '^spanhouse[.]execution[.]([a-z_]+)$'), lower(LogAttributes['spanhouse.execution.status'])]
        ) AS status,
        arrayFirst(
            word -> execution_status(word) != '',
            [extract(Name, '^spanhouse[.]task[.]([a-z_]+)$'), lower(LogAttributes['spanhouse.task.status'])]
        ) AS task_status,
        arrayMap(raised -> {Ending}, [if(status IN ('failed', 'error'), lower(concat(
            '\x1e', LogAttributes['error.type'], '\x1f', LogAttributes['exception.type'], '\x1f',
            '\x1e', LogAttributes['exception.message'], '\x1e', LogAttributes['error.message'], '\x1e'
        )), '')])[1] AS ending
    FROM spanhouse.otlp_events
);
