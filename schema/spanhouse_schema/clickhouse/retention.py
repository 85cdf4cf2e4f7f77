"""How long rows are kept: a TTL on when they came, set to what the settings say at every start."""

from spanhouse_schema.clickhouse.database import Database, Session
from spanhouse_schema.settings import Settings

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
    # What is read off them, row by row; what it comes to (executions, calls) stays.
    "execution_events",
    "agent_spans",
    "response_ids",
)
AUDIT = "sql_audit"


def apply(database: Database, settings: Settings) -> list[str]:
    """Keep rows for as many days as the settings say (0 is for ever), and return the tables whose retention changed.

    Raw rows are kept since their ingestion, the audit's since the statement began. Whole parts are dropped, in the
    background. A raw row's own timestamp has no say: clocks are wrong, backfills late. Raises `DatabaseError`.
    """
    wanted = {
        **dict.fromkeys(RAW_TABLES, _ttl("IngestedAt", settings.retention_days)),
        AUDIT: _ttl("StartedAt", settings.sql_audit_retention_days),
    }
    changed = [table for table, current in _current(database, list(wanted)) if current != wanted[table]]
    for table in changed:
        action = f"MODIFY TTL {wanted[table]}" if wanted[table] else "REMOVE TTL"
        database.command(f"ALTER TABLE spanhouse.{table} {action}")
    return changed


def readable_since_ms(session: Session) -> int:
    """Since when no raw row that came has been dropped for its age, by the retention in force: in Unix milliseconds.

    Raises `DatabaseError`.
    """
    tables = ", ".join(f"'{table}'" for table in RAW_TABLES)
    ((since,),) = session.rows(
        "SELECT greatest(max(toUnixTimestamp64Milli(now64(3) - toIntervalDay(toUInt32(days)))), 0) FROM "
        "(SELECT extract(engine_full, 'TTL .*?toIntervalDay[(](\\d+)[)]') AS days FROM system.tables "
        f"WHERE database = 'spanhouse' AND name IN ({tables}) AND notEmpty(days))"
    )
    return int(since)


def whole_since_ms(session: Session) -> int:
    """Since when raw rows are whole: also none is there that came before. In Unix milliseconds.

    A retention that was once shorter than it is has dropped more than the one in force tells. Raises `DatabaseError`.
    """
    ((first,),) = session.rows(
        "SELECT ifNull(min(First), toUnixTimestamp64Milli(now64(3))) FROM ("
        "SELECT minOrNull(toUnixTimestamp64Milli(IngestedAt)) AS First FROM spanhouse.otel_traces UNION ALL "
        "SELECT minOrNull(toUnixTimestamp64Milli(IngestedAt)) FROM spanhouse.otel_logs)"
    )
    return max(readable_since_ms(session), int(first))


def _ttl(column: str, days: int) -> str:
    # Spelled as ClickHouse spells it back.
    return f"toDateTime({column}) + toIntervalDay({days})" if days else ""


def _current(database: Database, tables: list[str]) -> list[tuple[str, str]]:
    rows = database.rows(
        "SELECT name, extract(engine_full, 'TTL (.+?) SETTINGS') FROM system.tables "
        "WHERE database = 'spanhouse' AND name IN {tables:Array(String)} ORDER BY name",
        parameters={"tables": tables},
    )
    return [(name, ttl) for name, ttl in rows]
