"""The audit of the SQL door: one row a statement that it was asked to run. Rewrites no data."""

from alembic import op

from spanhouse_schema.clickhouse import sql_files

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for statement in sql_files.statements("sql_audit"):
        op.execute(sql_files.literal(statement))


def downgrade() -> None:
    op.execute("DROP TABLE IF EXISTS spanhouse.sql_audit")
