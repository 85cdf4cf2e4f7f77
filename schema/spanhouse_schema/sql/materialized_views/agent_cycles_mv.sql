-- Reads when sessions begin and end out of what is said of them. A statement that does not name its session tells of none.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.agent_cycles_mv TO spanhouse.agent_cycles AS
SELECT
    TenantId,
    SessionId,
    AgentName,
    UserId,
    toDateTime64(intDiv(toUnixTimestamp64Second(statement.StartedAt), 900) * 900, 0, 'UTC') AS StartedQuarter,
    toDateTime64(intDiv(toUnixTimestamp64Second(At), 900) * 900, 0, 'UTC') AS SaidQuarter,
    min(statement.StartedAt) AS StartedAt,
    minOrNullIf(At, EventName = 'spanhouse.session.completed') AS CompletedAt,
    minOrNullIf(At, notEmpty(Said['outcome'])) AS OutcomeAt,
    now64(3) AS TouchedAt
FROM spanhouse.record_statements AS statement
WHERE About = 'session' AND notEmpty(SessionId)
GROUP BY TenantId, SessionId, AgentName, UserId, StartedQuarter, SaidQuarter;
