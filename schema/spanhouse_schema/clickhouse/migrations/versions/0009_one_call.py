"""Spans say of which process they are and whether they say OK; ids of responses lead to spans. Rewrites no rows."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0009_one_call"
down_revision = "0008_known_ends"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
