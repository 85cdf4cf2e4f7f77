-- A loop: a run that makes the same call, or the same two or three in turns, six times or more with nothing in between, and is always
-- answered the same. Asking again until the answer is another is waiting, and so no pattern. Some agents wait in ways that look like a
-- loop (a job that never ends, answers that are not recorded): where at least twenty runs before the day called the tool, it takes three
-- times as many rounds as nine of ten of them needed, and seven times as far beyond these as these are beyond the middle (of waits
-- that end by chance, one in a million).
-- Confidence: by k rounds of k that were the same (Wilson).
INSERT INTO found (TenantId, Day, Type, AgentName, Subject, Name, Description, Confidence, Evidence, EvidenceCount, ClientAccountId, EngagementId, At)
WITH usual AS
(
    SELECT TenantId, AgentName, ToolName, quantilesExact(0.5, 0.9)(Rounds) AS Usual, greatest(3 * Usual[2], 8 * Usual[2] - 7 * Usual[1]) AS MostRounds
    FROM
    (
        SELECT TenantId, AgentName, ToolName, max(Rounds) AS Rounds
        FROM
        (
            SELECT TenantId, AgentName, TraceId, ExecutionId, toString(ToolName) AS ToolName, 1 AS Rounds
            FROM call
            WHERE StartedAt < {since:DateTime64(9, 'UTC')} AND NOT IsSuspect
            UNION ALL
            SELECT TenantId, AgentName, TraceId, ExecutionId, arrayJoin(Tools) AS ToolName, Rounds
            FROM circle
            WHERE At < {since:DateTime64(9, 'UTC')} AND NOT OfSuspect
        )
        GROUP BY TenantId, AgentName, TraceId, ExecutionId, ToolName
    )
    GROUP BY TenantId, AgentName, ToolName
    HAVING count() >= 20
)
SELECT
    TenantId,
    {day:Date32},
    'repeated_call',
    AgentName,
    arrayStringConcat(Tools, ', '),
    concat('The same call of `', arrayStringConcat(Tools, '`, `'), '`', pattern_whose(AgentName), ' is repeated'),
    concat(
        'A run', pattern_whose(AgentName), ' called `', arrayStringConcat(Tools, '`, `'), '` ', toString(max(Rounds)), ' times', if(length(Tools) > 1, ' in turns', ''),
        ' with the same arguments, and never got another answer.'
    ),
    pattern_at_least(max(Rounds), max(Rounds)),
    pattern_evidence(groupArray((At, TraceId))),
    uniqExact(TraceId),
    pattern_agreed(groupArray(toString(ClientAccountId))),
    pattern_agreed(groupArray(toString(EngagementId))),
    max(At)
FROM
(
    SELECT TenantId, AgentName, TraceId, ExecutionId, At, any(Tools) AS Tools, any(Rounds) AS Rounds, any(ClientAccountId) AS ClientAccountId, any(EngagementId) AS EngagementId
    FROM (SELECT *, arrayJoin(Tools) AS ToolName FROM circle WHERE OfSuspect AND Rounds >= 6 AND NewAnswers = 0 AND At >= {since:DateTime64(9, 'UTC')}) AS circle
    LEFT JOIN usual USING (TenantId, AgentName, ToolName)
    GROUP BY TenantId, AgentName, TraceId, ExecutionId, At
    -- Where nothing is known of what is usual, 0.
    HAVING Rounds >= max(MostRounds)
)
GROUP BY TenantId, AgentName, Tools;
