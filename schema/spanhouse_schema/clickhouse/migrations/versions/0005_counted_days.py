"""Views have the names of the tables of counted days. Rewrites nothing; back, these are empty: rebuild then."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0005_counted_days"
down_revision = "0004_daily_ledger"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
