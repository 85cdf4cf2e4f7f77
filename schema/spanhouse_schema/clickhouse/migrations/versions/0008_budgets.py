"""Budgets: what was spent on which day, by whom, and the limits. Counts what is there, from executions and calls."""

import re

from alembic import context, op

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.quoting import literal

revision = "0008"
down_revision = "0007"

TABLES = ("budget_limits", "agent_spend", "agent_cycles", "agent_budget_daily")
WRITERS = ("agent_cycles_mv",)
VIEWS = ("budget_limits_now", "agent_budget", "budget_verdicts")
FUNCTIONS = ("budget_default", "budget_reached", "budget_remaining", "budget_verdict", "budget_scopes")
# Of listed_executions, and the one that each stands behind.
_COLUMNS = (
    ("Days", "Array(Date32)", "StartedAt"),
    ("Users", "Array(String)", "Days"),
    ("Sessions", "Array(String)", "Users"),
)
# As settle/spent.sql, from what was settled. A run tells its cost where none of its own calls has one.
_SPEND = """
    INSERT INTO spanhouse.agent_spend
    SELECT
        TenantId, Day, TraceId, ExecutionId, any(run.AgentName), any(run.UserId), any(run.SessionId),
        max(Begins) AND any(run.Kind) IN ('agent', 'workflow') AS Runs,
        Runs AND empty(any(run.ParentExecutionId)),
        arraySort(groupArrayIf((toDateTime64(At, 0, 'UTC'), assumeNotNull(Cost)), isNotNull(Cost))),
        toUInt32(countIf(IsUnpriced)),
        any(run.Version),
        0
    FROM
    (
        SELECT
            TenantId, TraceId, ExecutionId, toDate32(StartedAt, {timezone:String}) AS Day, StartedAt AS At,
            CostUSD AS Cost, CostSource = 'unpriced' AS IsUnpriced, false AS Begins
        FROM spanhouse.agent_calls FINAL
        WHERE notEmpty(CostSource)
        UNION ALL
        SELECT
            TenantId, TraceId, ExecutionId, toDate32(StartedAt, {timezone:String}), StartedAt,
            if((TenantId, TraceId, ExecutionId) IN (
                SELECT TenantId, TraceId, ExecutionId FROM spanhouse.agent_calls FINAL WHERE isNotNull(CostUSD)
            ), NULL, CostUSD),
            CostSource = 'unpriced' AND UnpricedCalls = 0,
            true
        FROM spanhouse.agent_executions FINAL
    ) AS told
    INNER JOIN (SELECT * FROM spanhouse.agent_executions FINAL) AS run USING (TenantId, TraceId, ExecutionId)
    GROUP BY TenantId, Day, TraceId, ExecutionId
"""


def upgrade() -> None:
    for name, kind, before in _COLUMNS:
        op.execute(
            "ALTER TABLE spanhouse.listed_executions "
            f"ADD COLUMN IF NOT EXISTS {name} {kind} CODEC(ZSTD(1)) AFTER {before}"
        )
    # For rows that are there: done in the background.
    op.execute(
        "ALTER TABLE spanhouse.agent_executions_by_agent "
        "ADD INDEX IF NOT EXISTS idx_started_at StartedAt TYPE minmax GRANULARITY 1"
    )
    op.execute("ALTER TABLE spanhouse.agent_executions_by_agent MATERIALIZE INDEX idx_started_at")
    timezone = literal(context.config.attributes["timezone"])
    for name in ("budget_functions", *TABLES, *WRITERS, *VIEWS):
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement.replace("{timezone:String}", timezone)))
    for statement in _backfill():
        op.execute(sql_files.literal(statement.replace("{timezone:String}", timezone)))


def downgrade() -> None:
    for view in reversed((*WRITERS, *VIEWS)):
        op.execute(f"DROP VIEW IF EXISTS spanhouse.{view}")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE IF EXISTS spanhouse.{table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION IF EXISTS {function}")
    for name, _, _ in _COLUMNS:
        op.execute(f"ALTER TABLE spanhouse.listed_executions DROP COLUMN IF EXISTS {name}")


def _backfill() -> list[str]:
    """From the beginning, should an earlier one have died on its way."""
    return [
        "TRUNCATE TABLE spanhouse.agent_cycles",
        f"INSERT INTO spanhouse.agent_cycles {sql_files.selected('agent_cycles_mv')}",
        _SPEND,
        _budget(),
    ]


def _budget() -> str:
    """What the settling counts of the days that it touched, of all days. Again, it replaces what it wrote before."""
    (insert,) = sql_files.step("budget")
    everywhere = re.sub(r"\([\w, ]+\) IN \(SELECT [\w, ]+ FROM spent_on\)", "true", insert)
    assert "spent_on" not in everywhere, "every filter of the step is left out"
    return everywhere.replace("INSERT INTO budget", "INSERT INTO spanhouse.agent_budget_daily").replace(
        "toUInt64(0) AS version", "toUInt64(toUnixTimestamp64Micro(now64(6))) AS version"
    )
