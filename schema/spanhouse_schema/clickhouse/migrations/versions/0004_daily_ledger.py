"""Days and budgets become sums over a ledger. It is filled from the executions, spend and sessions that are stored."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0004_daily_ledger"
down_revision = "0003_compact_parts"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
