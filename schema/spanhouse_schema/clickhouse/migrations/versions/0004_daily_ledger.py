"""Days and budgets become sums over a ledger. Rewrites none: fills it from executions, spend and sessions."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0004_daily_ledger"
down_revision = "0003_compact_parts"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
