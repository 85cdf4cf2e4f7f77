-- A tool that fails in a row. Were its failures spread by chance, n calls would hold fewer than n * p^k rows of k failures, where p is
-- the share of its calls that fail: a row is a pattern where that is less than chance may come to. p is of its other calls in the
-- window, as if ten more had been seen of which one failed (so that few calls prove little), and at most 0.3: a tool that fails more
-- often is not well, however usual that is.
-- Confidence: how many of such calls fail at least, by k failures of k calls (Wilson).
INSERT INTO found (TenantId, Day, Type, AgentName, Subject, Name, Description, Confidence, Evidence, EvidenceCount, ClientAccountId, EngagementId, At)
SELECT
    TenantId,
    {day:Date32},
    'tool_failing',
    AgentName,
    ToolName,
    concat('Tool `', ToolName, '`', pattern_whose(AgentName), ' fails in a row'),
    concat(
        'Tool `', ToolName, '`', pattern_whose(AgentName), ' failed ', toString(max(Failures)), ' times in a row. Of its other ',
        toString(any(OtherCalls)), ' calls in ', toString({window_days:UInt16}), ' days ', toString(any(OtherFailures)), ' failed.'
    ),
    pattern_at_least(max(Failures), max(Failures)),
    pattern_evidence(groupArrayArray(Shown)),
    length(arrayDistinct(arrayMap(each -> each.2, groupArrayArray(Shown)))),
    pattern_agreed(groupArrayArray(ClientAccounts)),
    pattern_agreed(groupArrayArray(Engagements)),
    max(At)
FROM
(
    SELECT
        *,
        usual.Calls - sum(streak.Failures) OVER (PARTITION BY TenantId, AgentName, ToolName) AS OtherCalls,
        usual.Failed - sum(streak.Failures) OVER (PARTITION BY TenantId, AgentName, ToolName) AS OtherFailures,
        least((OtherFailures + 1) / (OtherCalls + 10), 0.3) AS Share
    FROM streak
    INNER JOIN
    (
        SELECT
            TenantId, AgentName, ToolName, count() AS Calls, countIf(NOT Success) AS Failed,
            countIf(StartedAt >= {day_before:DateTime64(9, 'UTC')}) AS CallsNow
        FROM spanhouse.agent_calls FINAL
        WHERE Kind = 'tool' AND StartedAt >= {window:DateTime64(9, 'UTC')} AND StartedAt < {until:DateTime64(9, 'UTC')}
            AND (TenantId, AgentName, ToolName) IN (SELECT TenantId, AgentName, ToolName FROM streak)
        GROUP BY TenantId, AgentName, ToolName
    ) AS usual USING (TenantId, AgentName, ToolName)
    INNER JOIN
    (
        SELECT TenantId, uniqExact(AgentName, ToolName) AS Tools
        FROM spanhouse.agent_calls FINAL
        WHERE Kind = 'tool' AND StartedAt >= {day_before:DateTime64(9, 'UTC')} AND StartedAt < {until:DateTime64(9, 'UTC')}
            AND TenantId IN (SELECT TenantId FROM streak)
        GROUP BY TenantId
    ) AS looked USING (TenantId)
)
WHERE -Failures * log(Share) - log(CallsNow) >= pattern_needs(Tools)
GROUP BY TenantId, AgentName, ToolName;
