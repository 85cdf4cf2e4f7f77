-- One row is what a triage says of one file and one domain: how much the file is of that domain, from 0 to 1, and why.
-- Read by analysts, for the average score by domain. A score out of bounds is NULL.
CREATE OR REPLACE VIEW spanhouse.triage_domain_scores AS
SELECT
    * EXCEPT (file_name, summary_short, summary_detailed, key_points, complexity_level, complexity_score, complexity_reasons, recommended_strategy, file_json),
    JSONExtractString(item, 'domain') AS domain,
    execution_number(JSONExtractRaw(item, 'score'), 1) AS score,
    nullIf(JSONExtractString(item, 'reasoning'), '') AS reasoning
FROM spanhouse.triage_files
ARRAY JOIN JSONExtractArrayRaw(file_json, 'domain_scores') AS item;
