"""The traces that could not be settled. Rewrites no data."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0002_set_aside_traces"
down_revision = "0001_baseline"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
