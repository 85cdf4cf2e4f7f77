"""The raw tables: OTLP requests in, one row a span, record, point or error out. Rewrites no data."""

from alembic import op

from spanhouse_schema.clickhouse import sql_files

revision = "0001"
down_revision = None

METRICS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")

# Tables before the views that write into them.
TABLES = (
    "otlp_traces",
    "otlp_logs",
    "otlp_metrics",
    "otlp_scope_spans",
    "otlp_scope_logs",
    "otlp_scope_metrics",
    "otel_traces",
    "otel_traces_trace_id_ts",
    "otel_logs",
    *(f"otel_metrics_{kind}" for kind in METRICS),
    "ingest_errors",
)
VIEWS = (
    "otel_traces_trace_id_ts_mv",
    "otlp_scope_spans_mv",
    "otlp_scope_logs_mv",
    "otlp_scope_metrics_mv",
    "otel_traces_mv",
    "otel_logs_mv",
    *(f"otel_metrics_{kind}_mv" for kind in METRICS),
    "ingest_errors_traces_mv",
    "ingest_errors_logs_mv",
    "ingest_errors_metrics_mv",
)
FUNCTIONS = (
    "otlp_attributes",
    "otlp_double",
    "otlp_json",
    "otlp_json_double",
    "otlp_json_string",
    "otlp_map",
    "otlp_span_id",
    "otlp_texts",
    "otlp_time",
    "otlp_trace_id",
)


def upgrade() -> None:
    for name in ("otlp_functions", *TABLES, *VIEWS):
        for statement in sql_files.statements(name):
            op.execute(sql_files.literal(statement))


def downgrade() -> None:
    for view in reversed(VIEWS):
        op.execute(f"DROP VIEW IF EXISTS spanhouse.{view}")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE IF EXISTS spanhouse.{table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION IF EXISTS {function}")
