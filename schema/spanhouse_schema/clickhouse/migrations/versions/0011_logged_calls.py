"""Log records may tell of a call: spans say whether they are one.

Rewrites no data: the column is new, and false for what is there. Records that came before are read by a rebuild.
"""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0011_logged_calls"
down_revision = "0010_usage_as_said"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
