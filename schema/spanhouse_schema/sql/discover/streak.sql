-- Five or more failures of an agent's tool in a row, the last of them on the day: calls of all its runs in the order in which they
-- began. The day before is read too, because a row does not end at midnight.
WITH call AS
(
    SELECT TenantId, AgentName, ToolName, TraceId, SpanId, StartedAt, Success, ClientAccountId, EngagementId
    FROM spanhouse.agent_calls FINAL
    WHERE Kind = 'tool' AND notEmpty(ToolName) AND StartedAt >= {day_before:DateTime64(9, 'UTC')} AND StartedAt < {until:DateTime64(9, 'UTC')}
)
SELECT
    TenantId,
    AgentName,
    ToolName,
    count() AS Failures,
    max(StartedAt) AS At,
    groupArray((StartedAt, TraceId)) AS Shown,
    groupUniqArray(toString(ClientAccountId)) AS ClientAccounts,
    groupUniqArray(toString(EngagementId)) AS Engagements
FROM
(
    SELECT *, countIf(Success) OVER (PARTITION BY TenantId, AgentName, ToolName ORDER BY StartedAt, TraceId, SpanId) AS SuccessesBefore
    FROM call
    -- Few tools fail that often: only their calls are sorted.
    WHERE (TenantId, AgentName, ToolName) IN
        (SELECT TenantId, AgentName, ToolName FROM call GROUP BY TenantId, AgentName, ToolName HAVING countIf(NOT Success) >= 5)
)
WHERE NOT Success
GROUP BY TenantId, AgentName, ToolName, SuccessesBefore
HAVING Failures >= 5 AND At >= {since:DateTime64(9, 'UTC')};
