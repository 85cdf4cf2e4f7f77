"""Since when raw rows must be whole for a row to be recomputed, and how far a rebuild has come.

Rows from before do not say when their raw came: of an execution, when it was settled stands for that; statements whose
raw rows are there are read again.
"""

from alembic import op

from spanhouse_schema.clickhouse import sql_files

revision = "0010"
down_revision = "0009"

_CAME_AT = "DateTime64(3) CODEC(Delta, ZSTD(1))"
# Table, column, its type and what stands before it.
_COLUMNS = (
    ("agent_executions", "CameAt", _CAME_AT, "Usage"),
    ("agent_executions_by_agent", "CameAt", _CAME_AT, "Usage"),
    ("record_spans", "IngestedAt", "DateTime64(3)", "SpanAttributes"),
    ("record_statements", "IngestedAt", _CAME_AT, "Said"),
)
_VIEWS = ("record_spans_mv", "record_statements_mv", "record_events_mv")
_TABLES = ("rebuild_progress",)


def upgrade() -> None:
    for table, name, kind, before in _COLUMNS:
        op.execute(f"ALTER TABLE spanhouse.{table} ADD COLUMN IF NOT EXISTS {name} {kind} AFTER {before}")
    for name in _VIEWS:
        op.execute(sql_files.literal(f"ALTER TABLE spanhouse.{name} MODIFY QUERY {sql_files.selected(name)}"))
    for name in _TABLES:
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement))
    for statement in _read_again():
        op.execute(sql_files.literal(statement))


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"DROP TABLE IF EXISTS spanhouse.{table}")
    # The views of before name columns, and go on without this one.
    for name in _VIEWS:
        select = sql_files.selected(name).replace(",\n    IngestedAt\n", "\n").replace(", IngestedAt\n", "\n")
        op.execute(sql_files.literal(f"ALTER TABLE spanhouse.{name} MODIFY QUERY {select}"))
    for table, name, _, _ in _COLUMNS:
        op.execute(f"ALTER TABLE spanhouse.{table} DROP COLUMN IF EXISTS {name}")


def _read_again() -> list[str]:
    """A statement that stands there twice counts once: first come those that say when they came, then the others go."""
    key = "TenantId, About, Id, TraceId, SpanId"
    of_before = "toUnixTimestamp64Milli(IngestedAt) = 0"
    read_now = f"SELECT {key} FROM spanhouse.record_statements WHERE NOT {of_before}"
    # In a new database 0007 has read them so already.
    needed = f"(SELECT count() FROM spanhouse.record_statements WHERE {of_before}) > 0"
    events = sql_files.selected("record_events_mv")
    return [
        f"INSERT INTO spanhouse.record_spans SELECT * FROM ({sql_files.selected('record_spans_mv')}) WHERE {needed}",
        f"INSERT INTO spanhouse.record_statements SELECT * FROM ({events}) WHERE {needed}",
        f"DELETE FROM spanhouse.record_statements WHERE {of_before} AND ({key}) IN ({read_now})",
    ]
