"""Lifecycle events: a table, the view that fills it, and what the log records that are there already tell."""

from alembic import op

from spanhouse_schema.clickhouse import sql_files

revision = "0003"
down_revision = "0002"

TABLES = ("execution_events", "otlp_events")
VIEWS = ("execution_events_mv", "otlp_events_mv")
FUNCTIONS = ("execution_number", "execution_status")


def upgrade() -> None:
    for name in ("execution_functions", *TABLES, *VIEWS):
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement))
    op.execute(sql_files.literal(_backfill()))


def downgrade() -> None:
    for view in reversed(VIEWS):
        op.execute(f"DROP VIEW IF EXISTS spanhouse.{view}")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE IF EXISTS spanhouse.{table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION IF EXISTS {function}")


def _backfill() -> str:
    """What the first view selects of the records that are there, less what is stored: again, it adds what is missing.

    The views are there before it: what comes meanwhile is stored by them, at worst by both, under the same EventId.
    """
    (view,) = sql_files.statements("otlp_events_mv")
    _, _, select = view.partition(" AS\n")
    return (
        f"INSERT INTO spanhouse.otlp_events SELECT * FROM ({select}) "
        "WHERE (TenantId, EventId) NOT IN (SELECT TenantId, EventId FROM spanhouse.execution_events) "
        "LIMIT 1 BY TenantId, EventId "
        # Days of ingestion are partitions, and of a long history there are more than the hundred that is the default.
        "SETTINGS max_partitions_per_insert_block = 0"
    )
