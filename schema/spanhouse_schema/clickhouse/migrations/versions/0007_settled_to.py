"""Settlers say up to when everything is settled. Rewrites no data: a new column, empty at first."""

from spanhouse_schema.clickhouse.revisions import execute

revision = "0007_settled_to"
down_revision = "0006_response_id_index"


def upgrade() -> None:
    execute(revision, "up")


def downgrade() -> None:
    execute(revision, "down")
