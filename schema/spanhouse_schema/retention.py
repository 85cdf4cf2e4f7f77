"""How long raw rows are kept: a TTL on when they were ingested, set to what the settings say at every start."""

from spanhouse_schema.database import Database

RAW_TABLES = (
    "otel_traces",
    "otel_traces_trace_id_ts",
    "otel_logs",
    "otel_metrics_gauge",
    "otel_metrics_sum",
    "otel_metrics_histogram",
    "otel_metrics_exponential_histogram",
    "otel_metrics_summary",
    "ingest_errors",
)


def apply(database: Database, days: int) -> list[str]:
    """Keep raw rows for `days` since their ingestion (0 is for ever), and return the tables whose retention changed.

    Whole parts are dropped, in the background. A row's own timestamp has no say: clocks are wrong, backfills late.
    Raises `DatabaseError`.
    """
    wanted = f"toDateTime(IngestedAt) + toIntervalDay({days})" if days else ""
    changed = [table for table, current in _current(database) if current != wanted]
    for table in changed:
        action = f"MODIFY TTL {wanted}" if wanted else "REMOVE TTL"
        database.command(f"ALTER TABLE spanhouse.{table} {action}")
    return changed


def _current(database: Database) -> list[tuple[str, str]]:
    rows = database.rows(
        "SELECT name, extract(engine_full, 'TTL (.+?) SETTINGS') FROM system.tables "
        "WHERE database = 'spanhouse' AND name IN {tables:Array(String)} ORDER BY name",
        parameters={"tables": list(RAW_TABLES)},
    )
    return [(name, ttl) for name, ttl in rows]
