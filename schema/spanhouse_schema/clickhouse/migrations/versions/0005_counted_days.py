"""The tables of counted days go: views on the ledger's sums have their names. They come back empty: rebuild then."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0005_counted_days"
down_revision = "0004_daily_ledger"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
