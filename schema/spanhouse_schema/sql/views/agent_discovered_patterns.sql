-- One row is one pattern of a tenant, aggregated when it is read from the observations, uses and judgements of it, which are
-- never changed: whoever writes at the same time loses nothing, and a repeat counts once. Read by analysts and by agents.
-- `spanhouse.pattern` observes it, `spanhouse.pattern.referenced` uses it, `spanhouse.feedback` judges it. What the discovery found on
-- a day (`found_patterns`) is an observation too, discovered by `spanhouse`.
CREATE OR REPLACE VIEW spanhouse.agent_discovered_patterns AS
SELECT
    TenantId AS tenant_id,
    Pattern AS pattern_id,
    record_text(Facts, 'type') AS type,
    record_text(Facts, 'name') AS name,
    record_text(Facts, 'description') AS description,
    Confidence AS confidence_score,
    -- An observation that shows nothing is a piece of evidence itself.
    arraySum(observation -> greatest(observation.4, 1), Observations) AS evidence_count,
    arrayFlatten(arrayMap(observation -> observation.3, Observations)) AS evidence_items,
    Uses AS times_referenced,
    -- What its judges say, on average; unknown before anybody has judged.
    arrayReduce('avgOrNull', arrayMap(judgement -> judgement.3, Judgements)) AS effectiveness_score,
    record_text(Facts, 'insight_type') AS insight_type,
    record_text(Facts, 'execution_context') AS execution_context,
    notEmpty(Judgements) AS user_feedback_given,
    arrayFirst(score -> isNotNull(score), arrayReverse(arrayMap(judgement -> judgement.3, Judgements))) AS user_feedback_score,
    arrayFilter(comment -> notEmpty(comment), arrayMap(judgement -> judgement.4, Judgements)) AS user_feedback_comments,
    Discovered.1 AS discovered_by,
    Discovered.2 AS task_id,
    ClientAccount AS client_account_id,
    Engagement AS engagement_id,
    CreatedAt AS created_at,
    if(Uses > 0, UsedAt, NULL) AS last_used_at
FROM
(
    SELECT
        TenantId,
        Pattern,
        record_latest(maxMapIf(record_dated(Said, At, Id), IsObservation)) AS Facts,
        argMaxIf(execution_number(Said['confidence'], 1), (At, Id), IsObservation AND isNotNull(execution_number(Said['confidence'], 1))) AS Confidence,
        arraySort(groupArrayIf((At, Id, Evidence, EvidenceCount), IsObservation)) AS Observations,
        arraySort(groupArrayIf((At, Id, execution_number(Said['score'], 1), Said['comment']), IsJudgement)) AS Judgements,
        uniqExactIf(Id, IsUse) AS Uses,
        maxIf(At, IsUse) AS UsedAt,
        argMinIf((AgentName, TaskId), (At, Id), IsObservation) AS Discovered,
        argMinIf(ClientAccountId, (At, Id), notEmpty(ClientAccountId)) AS ClientAccount,
        argMinIf(EngagementId, (At, Id), notEmpty(EngagementId)) AS Engagement,
        minIf(At, IsObservation) AS CreatedAt
    FROM
    (
        SELECT
            TenantId, At, Id, AgentName, TaskId, ClientAccountId, EngagementId, Said,
            EventName = 'spanhouse.pattern' AS IsObservation,
            EventName = 'spanhouse.pattern.referenced' AS IsUse,
            EventName = 'spanhouse.feedback' AS IsJudgement,
            if(IsJudgement, Said['pattern_id'], Said['id']) AS Pattern,
            if(IsObservation, record_list(Said['evidence']), []) AS Evidence,
            length(Evidence) AS EvidenceCount
        FROM spanhouse.record_statements_in_context
        WHERE About IN ('pattern', 'feedback') AND notEmpty(Pattern)
        ORDER BY At
        LIMIT 1 BY TenantId, Id
        UNION ALL
        SELECT
            TenantId, At, concat(PatternId, ' ', toString(Day)), 'spanhouse', '', ClientAccountId, EngagementId,
            mapFilter((name, text) -> notEmpty(text), map(
                'type', toString(Type), 'name', Name, 'description', Description, 'confidence', toString(Confidence),
                'insight_type', toString(InsightType), 'execution_context', toJSONString(map('agent_name', toString(AgentName), 'subject', Subject))
            )),
            true, false, false, PatternId, Evidence, EvidenceCount
        FROM spanhouse.found_patterns FINAL
    )
    GROUP BY TenantId, Pattern
    HAVING max(IsObservation)
);
