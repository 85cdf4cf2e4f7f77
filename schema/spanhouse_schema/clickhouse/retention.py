"""How long rows are kept: a TTL on when they came."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from spanhouse_schema.clickhouse.database import Database, Session

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


class Expiring(NamedTuple):
    """Rows of a table that a retention deletes: how many, and the first and last day on which they came, in UTC."""

    table: str
    rows: int
    first: date
    last: date


def apply(database: Database, retention_days: int, sql_audit_retention_days: int) -> list[str]:
    """Keep rows for so many days (0 is for ever), and return the tables whose retention changed.

    Raw rows are kept since their ingestion, the audit's since the statement began. Whole parts are dropped, in the
    background. A raw row's own timestamp has no say: clocks are wrong, backfills late. Raises `DatabaseError`.
    """
    wanted = _wanted(retention_days, sql_audit_retention_days)
    changed = [table for table, current in _current(database, list(wanted)) if current != wanted[table]]
    for table in changed:
        database.command(_alter(table, wanted[table]))
    return changed


def statements(retention_days: int, sql_audit_retention_days: int) -> list[str]:
    """Return what `apply` runs where no retention is in force."""
    wanted = _wanted(retention_days, sql_audit_retention_days)
    return [_alter(table, ttl) for table, ttl in wanted.items() if ttl]


def is_shorter(days: int, *, than: int) -> bool:
    """Return whether a retention of `days` keeps less than another; 0 keeps all."""
    return bool(days) and (not than or days < than)


def expiring(database: Database, tables: Sequence[str], days: int) -> list[Expiring]:
    """Return the rows that a retention of `days` deletes, of each table that loses any. Raises `DatabaseError`."""
    moments = {table: "StartedAt" if table == AUDIT else "IngestedAt" for table in tables}
    counts = " UNION ALL ".join(
        f"SELECT '{table}', count() AS Rows, min(toDate({column}, 'UTC')), max(toDate({column}, 'UTC')) "
        f"FROM spanhouse.{table} WHERE {_ttl(column, days)} < now() HAVING Rows > 0"
        for table, column in moments.items()
    )
    return sorted(Expiring(*row) for row in database.rows(counts))


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


def _wanted(retention_days: int, sql_audit_retention_days: int) -> dict[str, str]:
    raw = dict.fromkeys(RAW_TABLES, _ttl("IngestedAt", retention_days))
    return raw | {AUDIT: _ttl("StartedAt", sql_audit_retention_days)}


def _alter(table: str, ttl: str) -> str:
    return f"ALTER TABLE spanhouse.{table} {f'MODIFY TTL {ttl}' if ttl else 'REMOVE TTL'}"


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
