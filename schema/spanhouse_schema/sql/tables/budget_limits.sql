-- One row says what may be spent from a moment on, in each day, week or month: by a tenant, or by one of its agents, users or
-- sessions. The latest of a scope and period holds. A day keeps the limit that held at its end, and a tenant of whom nothing is
-- said for a day has the installation's default (budget_default).
-- Written by `spanhouse budgets set` and `clear`, never changed; read when days of budgets are counted, and by budget_verdicts.
CREATE TABLE IF NOT EXISTS spanhouse.budget_limits
(
    tenant_id LowCardinality(String),
    -- tenant, agent, user, session
    scope LowCardinality(String),
    -- The agent's name, the user's or session's id; '' for the tenant.
    scope_id String,
    -- day, week (from Monday), month
    period LowCardinality(String),
    valid_from DateTime64(6, 'UTC'),
    -- NULL is no limit.
    limit_usd Nullable(Decimal(38, 12)),
    -- Whatever was said before is taken back.
    is_cleared Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant_id, scope, scope_id, period, valid_from)
SETTINGS
    -- Every INSERT is one entry: a replay within the last 10,000 of them (a week, where replicated) is a no-op.
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800;
