-- One row is one completed session, with the numbers that it recorded. Any number that a session calls
-- `spanhouse.session.metric.NAME` is metrics['NAME'], NULL where it said none; those of a research cycle are columns as well.
-- Read by analysts.
CREATE OR REPLACE VIEW spanhouse.agent_metrics AS
SELECT
    tenant_id,
    id AS session_id,
    agent_id,
    agent_name,
    user_id,
    client_account_id,
    engagement_id,
    strategy_name,
    created_at AS started_at,
    completed_at,
    greatest(toInt128(toUnixTimestamp64Nano(assumeNotNull(completed_at))) - toUnixTimestamp64Nano(created_at), 0) / 1e9 AS duration_seconds,
    metrics['training_accuracy'] AS training_accuracy,
    metrics['final_loss'] AS final_loss,
    metrics['epochs'] AS epochs,
    CAST(metrics['early_stopped'] != 0 AS Nullable(Bool)) AS early_stopped,
    metrics['backtest_sharpe'] AS backtest_sharpe,
    coalesce(metrics['win_rate'], metrics['backtest_win_rate']) AS win_rate,
    coalesce(metrics['max_drawdown'], metrics['backtest_max_drawdown']) AS max_drawdown,
    coalesce(metrics['trades'], metrics['backtest_trades']) AS trades,
    coalesce(metrics['profit_factor'], metrics['backtest_profit_factor']) AS profit_factor,
    metrics,
    executions,
    total_tokens_in,
    total_tokens_out,
    estimated_cost_usd,
    outcome,
    failure_reason,
    gate_failed
FROM spanhouse.agent_sessions
WHERE isNotNull(completed_at);
