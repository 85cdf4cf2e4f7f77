"""Responses are found by an index. Rewrites no rows: parts that there are get theirs in the background."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0006_response_id_index"
down_revision = "0005_counted_days"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
