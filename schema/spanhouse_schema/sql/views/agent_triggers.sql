-- One row is one `spanhouse.trigger` event: something asked for a run, and whether an agent was invoked. Read by analysts.
-- The column `when` is what the word says; tools that reserve it can read triggered_at.
CREATE OR REPLACE VIEW spanhouse.agent_triggers AS
SELECT
    TenantId AS tenant_id,
    Id AS id,
    At AS triggered_at,
    At AS `when`,
    record_text(Said, 'reason') AS reason,
    SessionId AS session_id,
    record_text(Said, 'context') AS context,
    record_flag(Said['invoked']) AS agent_invoked,
    record_text(Said, 'skip_reason') AS skip_reason,
    toDecimal128OrNull(Said['budget_used_usd'], 12) AS budget_used_usd,
    toDecimal128OrNull(Said['budget_remaining_usd'], 12) AS budget_remaining_usd,
    AgentId AS agent_id,
    AgentName AS agent_name,
    UserId AS user_id,
    ClientAccountId AS client_account_id,
    EngagementId AS engagement_id,
    TraceId AS trace_id
FROM spanhouse.record_statements_in_context
WHERE About = 'trigger'
ORDER BY At
LIMIT 1 BY TenantId, Id;
