-- One row is one output of a run that has a schema (`spanhouse.output.schema`), whole, as it was said last. Read by analysts, and
-- by the views on triage. Where `is_json` is false the text is kept, and no view makes anything of it.
CREATE OR REPLACE VIEW spanhouse.agent_outputs AS
SELECT
    TenantId AS tenant_id,
    -- Of the run whose output this is; empty where it is that of a span within a run.
    ExecutionId AS execution_id,
    TraceId AS trace_id,
    SpanId AS span_id,
    At AS created_at,
    Said['schema'] AS schema,
    record_text(Said, 'schema_version') AS schema_version,
    firstNonDefault(Said['json'], Body) AS output,
    isValidJSON(output) AS is_json,
    AgentId AS agent_id,
    AgentName AS agent_name,
    SessionId AS session_id,
    UserId AS user_id,
    ClientAccountId AS client_account_id,
    EngagementId AS engagement_id,
    CaseId AS case_id,
    FlowId AS flow_id
FROM spanhouse.record_statements_in_context
WHERE About = 'output' AND notEmpty(Said['schema'])
ORDER BY At DESC, Id DESC
LIMIT 1 BY TenantId, TraceId, SpanId, schema;
