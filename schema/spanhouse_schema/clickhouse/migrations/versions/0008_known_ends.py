"""Spans say whether they have an end. Rewrites no data: a new column, true of what is there."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0008_known_ends"
down_revision = "0007_settled_to"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
