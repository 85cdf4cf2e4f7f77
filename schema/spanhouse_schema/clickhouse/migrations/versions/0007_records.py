"""Records: what spans and events say of sessions, tasks, outputs and patterns, and the views on it.

Reads every span and event that is there once more.
"""

from alembic import op

from spanhouse_schema.clickhouse import sql_files

revision = "0007"
down_revision = "0006"

TABLES = ("record_statements", "record_spans")
WRITERS = ("record_statements_mv", "record_spans_mv", "record_events_mv")
VIEWS = (
    "record_statements_in_context",
    "agent_sessions",
    "agent_metrics",
    "agent_triggers",
    "agent_task_history",
    "agent_execution_payloads",
    "agent_execution_history",
    "agent_outputs",
    "triage_files",
    "triage_domain_scores",
    "triage_entities",
    "triage_groupings",
)
FUNCTIONS = (
    "record_dated",
    "record_latest",
    "record_text",
    "record_flag",
    "record_number",
    "record_list",
    "record_seconds",
)


def upgrade() -> None:
    # agent_actions was there before, with a column less.
    for name in ("record_functions", *TABLES, *WRITERS, *VIEWS, "agent_actions"):
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement))
    for statement in _backfill():
        op.execute(sql_files.literal(statement))


def downgrade() -> None:
    for view in reversed((*WRITERS, *VIEWS)):
        op.execute(f"DROP VIEW IF EXISTS spanhouse.{view}")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE IF EXISTS spanhouse.{table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION IF EXISTS {function}")


def _backfill() -> list[str]:
    """What the views select of the spans and events that are there.

    From the beginning, should an earlier one have died on its way. What comes meanwhile may be read by both: a
    statement that stands there twice counts once.
    """
    return [
        "TRUNCATE TABLE spanhouse.record_statements",
        f"INSERT INTO spanhouse.record_spans {sql_files.selected('record_spans_mv')}",
        f"INSERT INTO spanhouse.record_statements {sql_files.selected('record_events_mv')}",
    ]
