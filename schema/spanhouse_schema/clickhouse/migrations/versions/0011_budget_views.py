"""The views on budgets read less. They say what they said."""

from alembic import context, op

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.quoting import literal

revision = "0011"
down_revision = "0010"

VIEWS = ("agent_budget", "budget_verdicts")


def upgrade() -> None:
    timezone = literal(context.config.attributes["timezone"])
    for name in VIEWS:
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement.replace("{timezone:String}", timezone)))


def downgrade() -> None:
    """Nothing to take back: the columns and what stands in them are the same."""
