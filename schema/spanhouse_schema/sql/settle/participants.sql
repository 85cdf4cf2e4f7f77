-- How many users and sessions the touched days of agents have, where that is not what was counted last. A count is the greater one even
-- where a clock was set back.
INSERT INTO spanhouse.performance_sums (TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Participants)
SELECT
    TenantId,
    Day,
    AgentName,
    ServiceName,
    ClientAccountId,
    EngagementId,
    (greatest({version:UInt64}, max(Last.1) + 1), countIf(Role = 'user') AS Users, countIf(Role = 'session') AS Sessions)
FROM
(
    SELECT TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Role, (toUInt64(0), toUInt64(0), toUInt64(0)) AS Last
    FROM spanhouse.daily_participants
    WHERE (TenantId, Day, AgentName) IN (SELECT TenantId, Day, AgentName FROM touched_days)
    GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Role, Id
    HAVING sum(Executions) > 0
    UNION ALL
    SELECT TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, '', max(Participants)
    FROM spanhouse.performance_sums
    WHERE (TenantId, Day, AgentName) IN (SELECT TenantId, Day, AgentName FROM touched_days)
    GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId
)
GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId
HAVING (Users, Sessions) != (max(Last).2, max(Last).3)
SETTINGS max_threads = 1;
