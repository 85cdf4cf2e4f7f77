-- Reads what a lifecycle event says into one row for each thing that it speaks of: by its name, and by its attributes. Of
-- triggers, patterns and judgements only events of that name speak. Nothing here can throw, whatever a client sends.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.record_events_mv TO spanhouse.record_statements AS
SELECT
    TenantId,
    About,
    Timestamp AS At,
    EventId AS Id,
    EventName,
    -- One that names no trace is a trace of its own.
    if(notEmpty(TraceId), TraceId, ExecutionId) AS TraceId,
    ExecutionId AS SpanId,
    Timestamp AS StartedAt,
    ServiceName,
    AgentId,
    AgentName,
    Attributes['spanhouse.agent.type'] AS AgentType,
    SessionId,
    UserId,
    ClientAccountId,
    EngagementId,
    CaseId,
    FlowId,
    TaskId,
    false AS Failed,
    ErrorMessage,
    ConfidenceScore,
    MemoryMb,
    Body,
    mapFilter(
        (name, text) -> notEmpty(text),
        mapConcat(
            -- What execution_events holds in columns.
            if(About = 'task', Task, CAST(map() AS Map(LowCardinality(String), String))),
            mapApply(
                (key, text) -> (substring(key, length(About) + 12), text),
                mapFilter((key, text) -> startsWith(key, concat('spanhouse.', About, '.')), Attributes)
            )
        )
    ) AS Said,
    IngestedAt
FROM
(
    SELECT
        *,
        CAST(map('id', TaskId, 'name', TaskName, 'type', TaskType, 'description', TaskDescription) AS Map(LowCardinality(String), String)) AS Task,
        arrayDistinct(
            arrayFilter(
                about -> notEmpty(about),
                arrayConcat(
                    [
                        extract(EventName, '^spanhouse[.](session|task|trigger|pattern|feedback)(?:[.]|$)'),
                        if(notEmpty(TaskId) OR notEmpty(TaskName), 'task', '')
                    ],
                    arrayMap(
                        key -> if(key = 'spanhouse.agent.type', 'agent', extract(key, '^spanhouse[.](session|task|output)[.]')),
                        mapKeys(Attributes)
                    )
                )
            )
        ) AS Abouts
    FROM spanhouse.execution_events
)
ARRAY JOIN Abouts AS About;
