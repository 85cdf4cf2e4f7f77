-- Reads what a span says into one row for each thing that it speaks of, and whose it is by the conventions, as agent_spans_mv
-- does. Nothing here can throw, whatever a client sends.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.record_statements_mv TO spanhouse.record_statements AS
SELECT
    TenantId,
    About,
    ifNull(otlp_end(Timestamp, Duration), Timestamp) AS At,
    SpanId AS Id,
    '' AS EventName,
    TraceId,
    SpanId,
    Timestamp AS StartedAt,
    ServiceName,
    firstNonDefault(SpanAttributes['gen_ai.agent.id'], ResourceAttributes['gen_ai.agent.id']) AS AgentId,
    firstNonDefault(SpanAttributes['gen_ai.agent.name'], ResourceAttributes['gen_ai.agent.name']) AS AgentName,
    SpanAttributes['spanhouse.agent.type'] AS AgentType,
    firstNonDefault({SessionId of SpanAttributes}, {SessionId of ResourceAttributes}) AS SessionId,
    firstNonDefault({UserId of SpanAttributes}, {UserId of ResourceAttributes}) AS UserId,
    firstNonDefault({ClientAccountId of SpanAttributes}, {ClientAccountId of ResourceAttributes}) AS ClientAccountId,
    firstNonDefault({EngagementId of SpanAttributes}, {EngagementId of ResourceAttributes}) AS EngagementId,
    firstNonDefault({CaseId of SpanAttributes}, {CaseId of ResourceAttributes}) AS CaseId,
    firstNonDefault({FlowId of SpanAttributes}, {FlowId of ResourceAttributes}) AS FlowId,
    SpanAttributes['spanhouse.task.id'] AS TaskId,
    StatusCode = 'Error' AS Failed,
    firstNonDefault(SpanAttributes['exception.message'], SpanAttributes['error.message'], StatusMessage) AS ErrorMessage,
    execution_number(SpanAttributes['spanhouse.execution.confidence'], 1) AS ConfidenceScore,
    execution_number(SpanAttributes['spanhouse.memory_mb'], 1.7976931348623157e308) AS MemoryMb,
    -- Where the sender does not give the output as JSON itself: what the conventions call the output of a run.
    if(
        About = 'output',
        firstNonDefault(
            SpanAttributes['output.value'],
            SpanAttributes['final_result'],
            JSONExtractString(SpanAttributes['gen_ai.output.messages'], -1, 'parts', -1, 'content')
        ),
        ''
    ) AS Body,
    mapApply(
        (key, text) -> (substring(key, length(About) + 12), text),
        mapFilter((key, text) -> startsWith(key, concat('spanhouse.', About, '.')) AND notEmpty(text), SpanAttributes)
    ) AS Said,
    IngestedAt
FROM spanhouse.record_spans
ARRAY JOIN arrayDistinct(
    arrayFilter(
        about -> notEmpty(about),
        arrayMap(
            key -> if(key = 'spanhouse.agent.type', 'agent', extract(key, '^spanhouse[.](session|task|output)[.]')),
            mapKeys(SpanAttributes)
        )
    )
) AS About;
