"""Spans keep their usage as they say it, and calls say on which side it is in doubt.

Rewrites no data: a column is renamed, and the new ones are empty at first. What was read before keeps its numbers until
a rebuild reads it anew.
"""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0010_usage_as_said"
down_revision = "0009_one_call"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
