"""Parts of up to 64 MB are one file each. Rewrites no data: parts that there are stay as they are until they merge."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0003_compact_parts"
down_revision = "0002_set_aside_traces"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
