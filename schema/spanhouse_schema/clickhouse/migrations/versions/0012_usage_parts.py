"""Spans and calls keep the parts of their usage that have other prices, and prices know what these cost.

Rewrites no data: the new columns are empty at first. What was read before keeps its numbers until a rebuild reads it
anew, which also looks every model up again.
"""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0012_usage_parts"
down_revision = "0011_logged_calls"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
