-- One row is one group of files that a triage puts together, and why. Read by analysts.
CREATE OR REPLACE VIEW spanhouse.triage_groupings AS
SELECT
    tenant_id,
    execution_id,
    trace_id,
    span_id,
    created_at,
    agent_name,
    client_account_id,
    engagement_id,
    case_id,
    JSONExtractString(item, 'name') AS name,
    JSONExtract(item, 'file_ids', 'Array(String)') AS file_ids,
    nullIf(JSONExtractString(item, 'reason'), '') AS reason
FROM spanhouse.agent_outputs
ARRAY JOIN JSONExtractArrayRaw(output, 'groupings') AS item
WHERE match(schema, '(^|[.:])TriageOutput$');
