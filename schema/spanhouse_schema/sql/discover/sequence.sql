-- Two or three tools that were called one after the other, in ten runs of an agent or more: how many runs of the window have the
-- sequence, how many of them failed, and how many of the agent's others did. Of agents of which a run failed on the day. Runs that
-- neither completed nor failed say nothing.
WITH
    run AS
    (
        SELECT TenantId, TraceId, ExecutionId, AgentName, StartedAt, Status = 'failed' AS IsFailed, ClientAccountId, EngagementId
        FROM spanhouse.agent_executions_by_agent FINAL
        WHERE Kind IN ('agent', 'workflow') AND notEmpty(AgentName) AND Status IN ('completed', 'failed')
            AND StartedAt >= {window:DateTime64(9, 'UTC')} AND StartedAt < {until:DateTime64(9, 'UTC')}
    ),
    failing AS
    (
        SELECT TenantId, AgentName, count() AS AllRuns, countIf(IsFailed) AS AllFailed
        FROM run
        GROUP BY TenantId, AgentName
        HAVING AllFailed >= 5 AND countIf(IsFailed AND StartedAt >= {since:DateTime64(9, 'UTC')}) > 0
    )
SELECT
    *,
    AllRuns - Runs AS OtherRuns,
    AllFailed - Failed AS OtherFailed,
    -- Whether they fail has no say in which sequences are looked at.
    count() OVER (PARTITION BY TenantId) AS Sequences
FROM
(
    SELECT
        TenantId,
        AgentName,
        arrayJoin(arrayDistinct(arrayConcat(
            arrayMap((one, two) -> [one, two], arrayPopBack(Tools), arrayPopFront(Tools)),
            arrayMap((one, two, three) -> [one, two, three], arrayPopBack(arrayPopBack(Tools)), arrayPopBack(arrayPopFront(Tools)), arrayPopFront(arrayPopFront(Tools)))
        ))) AS Sequence,
        count() AS Runs,
        countIf(IsFailed) AS Failed,
        groupArrayIf((StartedAt, TraceId), IsFailed AND StartedAt >= {since:DateTime64(9, 'UTC')}) AS Shown,
        groupUniqArrayIf(toString(ClientAccountId), IsFailed AND StartedAt >= {since:DateTime64(9, 'UTC')}) AS ClientAccounts,
        groupUniqArrayIf(toString(EngagementId), IsFailed AND StartedAt >= {since:DateTime64(9, 'UTC')}) AS Engagements
    FROM run
    INNER JOIN
    (
        SELECT TenantId, TraceId, ExecutionId, arrayMap(each -> each.3, arraySort(groupArray((StartedAt, SpanId, toString(ToolName))))) AS Tools
        FROM spanhouse.agent_calls FINAL
        -- A run calls its tools after it began; for longer than a day, few do.
        WHERE Kind = 'tool' AND notEmpty(ToolName)
            AND StartedAt >= {window:DateTime64(9, 'UTC')} AND StartedAt < {day_after:DateTime64(9, 'UTC')}
            AND (TenantId, AgentName) IN (SELECT TenantId, AgentName FROM failing)
        GROUP BY TenantId, TraceId, ExecutionId
    ) AS called USING (TenantId, TraceId, ExecutionId)
    WHERE length(Tools) >= 2
    GROUP BY TenantId, AgentName, Sequence
    HAVING Runs >= 10
) AS tried
INNER JOIN failing USING (TenantId, AgentName);
