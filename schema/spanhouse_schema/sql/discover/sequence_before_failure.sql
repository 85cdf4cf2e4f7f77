-- Sequences of tool calls before failures: five failed runs or more have it, which are more of the runs that have it than the share of the
-- agent's other runs that fail explains; and the difference is not small: at least a fifth of the runs with it fail, at odds that
-- are five times the others'. (A run that calls more tools fails more often, and has more sequences: that alone makes small differences.)
-- Of a pair and the three around it, one is told: the three where the same runs have it, the pair where more have that.
-- Confidence: how many of the runs that have it fail at least (Wilson).
INSERT INTO found (TenantId, Day, Type, AgentName, Subject, Name, Description, Confidence, Evidence, EvidenceCount, ClientAccountId, EngagementId, At)
WITH
    telling AS
    (
        SELECT
            *,
            pattern_at_least(Failed, Runs) AS Least,
            -- No others: as many as nothing is known of.
            pattern_at_most(OtherFailed, OtherRuns) AS OthersMost
        FROM sequence
        WHERE Failed >= 5 AND OtherRuns >= 20
            AND Least >= 0.2
            AND Least / (1 - Least) >= 5 * OthersMost / (1 - OthersMost)
            AND pattern_surprise(Failed, Runs, OthersMost) >= pattern_needs(Sequences)
    ),
    twice AS
    (
        SELECT TenantId, AgentName, if(pair.Runs = three.Runs, pair.Sequence, three.Sequence) AS Sequence
        FROM (SELECT TenantId, AgentName, Runs, Sequence FROM telling WHERE length(Sequence) = 2) AS pair
        INNER JOIN (SELECT TenantId, AgentName, Runs, Sequence FROM telling WHERE length(Sequence) = 3) AS three USING (TenantId, AgentName)
        WHERE pair.Sequence IN (arrayPopBack(three.Sequence), arrayPopFront(three.Sequence))
    )
SELECT
    TenantId,
    {day:Date32},
    'sequence_before_failure',
    AgentName,
    arrayStringConcat(Sequence, ' → '),
    concat('Runs of agent `', AgentName, '` fail after `', arrayStringConcat(Sequence, '`, `'), '`'),
    concat(
        toString(Failed), ' of ', toString(Runs), ' runs of agent `', AgentName, '` that called `', arrayStringConcat(Sequence, '`, then `'), '` failed in ', toString({window_days:UInt16}), ' days, ',
        toString(OtherFailed), ' of its ', toString(OtherRuns), ' others.'
    ),
    Least,
    pattern_evidence(Shown),
    length(arrayDistinct(arrayMap(each -> each.2, Shown))),
    pattern_agreed(ClientAccounts),
    pattern_agreed(Engagements),
    arrayMax(each -> each.1, Shown)
FROM telling
WHERE notEmpty(Shown) AND (TenantId, AgentName, Sequence) NOT IN (SELECT TenantId, AgentName, Sequence FROM twice);
