"""Operations of a session that are said one by one; the view on sessions, which was 0007's before."""

from alembic import op

from spanhouse_schema.clickhouse import sql_files

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    for statement in sql_files.statements("agent_sessions"):
        op.execute(sql_files.literal(statement))


def downgrade() -> None:
    """Nothing to take back: it reads nothing that was not there before."""
