"""Spans in our own words, and what they come to: executions and calls. Reads every span that is there once more."""

from alembic import op

from spanhouse_schema.clickhouse import sql_files

revision = "0004"
down_revision = "0003"

TABLES = (
    "agent_spans",
    "touched_traces",
    "response_ids",
    "agent_calls",
    "agent_executions",
    "agent_executions_by_agent",
)
VIEWS = ("touched_traces_mv", "touched_events_mv", "response_ids_mv", "agent_spans_mv", "llm_calls", "agent_actions")
FUNCTIONS = ("otlp_count", "otlp_gather", "otlp_order")


def upgrade() -> None:
    for name in ("agent_functions", *TABLES, *VIEWS):
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement))
    for statement in _backfill():
        op.execute(sql_files.literal(statement))


def downgrade() -> None:
    for view in reversed(VIEWS):
        op.execute(f"DROP VIEW IF EXISTS spanhouse.{view}")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE IF EXISTS spanhouse.{table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION IF EXISTS {function}")


def _backfill() -> list[str]:
    """What the view selects of the spans that are there; the settling does the rest at the next start.

    From the beginning, should an earlier one have died on its way. A span that comes meanwhile may be read by both: the
    settling takes one row a span.
    """
    (view,) = sql_files.statements("agent_spans_mv")
    _, _, select = view.partition(" AS\n")
    tables = ("agent_spans", "touched_traces", "response_ids")
    # Days of ingestion are partitions, and of a long history there are more than the hundred that is the default.
    settings = "SETTINGS max_partitions_per_insert_block = 0"
    return [
        *(f"TRUNCATE TABLE spanhouse.{table}" for table in tables),
        f"INSERT INTO spanhouse.agent_spans {select} {settings}",
    ]
