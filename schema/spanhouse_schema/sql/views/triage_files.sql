-- One row is one file of a triage: what its output says of it. Outputs whose schema is TriageOutput, by whatever module.
-- Read by analysts, for complexity over time, and by the other views on triage. A score that is none is NULL.
CREATE OR REPLACE VIEW spanhouse.triage_files AS
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
    JSONExtractString(file_json, 'file_id') AS file_id,
    nullIf(JSONExtractString(file_json, 'file_name'), '') AS file_name,
    nullIf(JSONExtractString(file_json, 'summary', 'short'), '') AS summary_short,
    nullIf(JSONExtractString(file_json, 'summary', 'detailed'), '') AS summary_detailed,
    JSONExtract(file_json, 'summary', 'key_points', 'Array(String)') AS key_points,
    nullIf(JSONExtractString(file_json, 'complexity', 'level'), '') AS complexity_level,
    record_number(JSONExtractRaw(file_json, 'complexity', 'score')) AS complexity_score,
    JSONExtract(file_json, 'complexity', 'reasons', 'Array(String)') AS complexity_reasons,
    nullIf(JSONExtractString(file_json, 'complexity', 'recommended_strategy'), '') AS recommended_strategy,
    file_json
FROM spanhouse.agent_outputs
ARRAY JOIN JSONExtractArrayRaw(output, 'files') AS file_json
WHERE match(schema, '(^|[.:])TriageOutput$');
