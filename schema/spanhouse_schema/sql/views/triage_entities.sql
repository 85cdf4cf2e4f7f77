-- One row is one entity that a triage found in a file. Read by analysts, for entities by type. A confidence out of bounds is NULL.
CREATE OR REPLACE VIEW spanhouse.triage_entities AS
SELECT
    * EXCEPT (file_name, summary_short, summary_detailed, key_points, complexity_level, complexity_score, complexity_reasons, recommended_strategy, file_json),
    JSONExtractString(item, 'type') AS type,
    JSONExtractString(item, 'value') AS value,
    execution_number(JSONExtractRaw(item, 'confidence'), 1) AS confidence,
    nullIf(JSONExtractString(item, 'location'), '') AS location
FROM spanhouse.triage_files
ARRAY JOIN JSONExtractArrayRaw(file_json, 'entities') AS item;
