-- Counts in how many executions of an agent's day each user and session was.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.daily_participants_mv TO spanhouse.daily_participants AS
SELECT
    TenantId,
    Day,
    AgentName,
    ServiceName,
    ClientAccountId,
    EngagementId,
    participant.1 AS Role,
    participant.2 AS Id,
    sum(Sign) AS Executions
FROM spanhouse.daily_ledger
ARRAY JOIN [('user', UserId), ('session', SessionId)] AS participant
WHERE Entry = 'run' AND notEmpty(Id)
GROUP BY TenantId, Day, AgentName, ServiceName, ClientAccountId, EngagementId, Role, Id;
