"""What each agent did and used, day by day. Counts the executions that are there.

What they used of which model is known once they are settled again, which 0005 has asked for.
"""

from alembic import context, op

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.quoting import literal

revision = "0006"
down_revision = "0005"

TABLES = ("listed_executions", "agent_performance_daily", "model_usage_daily")


def upgrade() -> None:
    for name in TABLES:
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement))
    op.execute(sql_files.literal(_backfill(context.config.attributes["timezone"])))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE IF EXISTS spanhouse.{table}")


def _backfill(timezone: str) -> str:
    """What the settling counts of the days that it touched, of all days. Again, it replaces what it wrote before."""
    (insert,) = sql_files.statements("settle/performance")
    days = "SELECT TenantId, AgentName, toDate32(StartedAt, {timezone:String}) AS Day"
    everything = {
        "INSERT INTO performance": "INSERT INTO spanhouse.agent_performance_daily",
        "FROM touched": f"FROM ({days} FROM spanhouse.agent_executions_by_agent)",
        "toUInt64(0) AS version": "toUInt64(toUnixTimestamp64Micro(now64(6))) AS version",
        "{timezone:String}": literal(timezone),
    }
    for of_the_settling, ours in everything.items():
        insert = insert.replace(of_the_settling, ours)
    return insert
