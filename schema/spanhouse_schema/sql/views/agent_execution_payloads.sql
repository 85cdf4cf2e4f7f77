-- One row is one run with its model, its input and its output, whole, as the conventions name them. Read by
-- agent_execution_history. It reads raw spans: ask it for some runs, best by trace_id, which has an index.
CREATE OR REPLACE VIEW spanhouse.agent_execution_payloads AS
SELECT
    TenantId AS tenant_id,
    TraceId AS trace_id,
    ExecutionId AS id,
    argMinIf(ModelText, (Place, SpanId), notEmpty(ModelText)) AS model,
    argMinIf(InputText, (Place, SpanId), notEmpty(InputText)) AS input_data,
    argMinIf(OutputText, (Place, SpanId), notEmpty(OutputText)) AS output_data
FROM
(
    SELECT
        TenantId,
        TraceId,
        SpanId,
        firstNonDefault({ResponseModel}, {RequestModel}) AS ModelText,
        firstNonDefault({Input}, `Events.Attributes`[indexOf(`Events.Name`, 'gen_ai.user.message')]['content']) AS InputText,
        firstNonDefault({Output}, `Events.Attributes`[indexOf(`Events.Name`, 'gen_ai.choice')]['message']) AS OutputText
    FROM
    (
        SELECT TenantId, TraceId, SpanId, `Events.Name`, `Events.Attributes`, {Said} AS Said
        FROM spanhouse.otel_traces
    )
) AS span
INNER JOIN
(
    -- A run is told of by its own span, and by those that were found to be the same run.
    SELECT TenantId, TraceId, ExecutionId, SpanId, Place
    FROM spanhouse.agent_executions FINAL
    ARRAY JOIN arrayConcat([ExecutionId], MergedIds) AS SpanId, arrayEnumerate(arrayConcat([ExecutionId], MergedIds)) AS Place
) AS run USING (TenantId, TraceId, SpanId)
GROUP BY TenantId, TraceId, ExecutionId;
