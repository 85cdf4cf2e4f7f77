-- Copies what was spent, in the order of days.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse.daily_spend_mv TO spanhouse.daily_spend AS
SELECT
    TenantId,
    Day,
    TraceId,
    ExecutionId,
    AgentName,
    UserId,
    SessionId,
    Spent,
    EntryId,
    Sign
FROM spanhouse.daily_ledger
WHERE notEmpty(Spent);
