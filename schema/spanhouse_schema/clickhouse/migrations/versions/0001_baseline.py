"""Every table of before the first release. Rewrites no data."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0001_baseline"
down_revision = None


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
