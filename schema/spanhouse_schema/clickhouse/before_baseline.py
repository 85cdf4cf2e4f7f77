"""A database of before the baseline: what revision 0012 left is taken over as it stands. To be deleted after 0.1.0.

Its tables are those of the baseline already; the two that are new are made, and what its operator set by flags, and the
database knows from nothing but its TTLs and views, is written down.
"""

import re

from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.errors import DatabaseError
from spanhouse_schema.quoting import literal

LAST = "0012"
# The last commit whose `migrate up` goes from any of these to LAST.
_LAST_COMMIT = "9f5b017"
_TOO_OLD = frozenset(f"{number:04}" for number in range(1, 12))
# What it has, and nobody remembers: functions were not recorded then.
_FUNCTIONS_GONE = ("otlp_gather", "otlp_order", "source_of_costs")
_RETENTIONS = {"retention_days": "otel_traces", "sql_audit_retention_days": "sql_audit"}


def adopt(database: Database, current: str | None) -> None:
    """Make a database at revision 0012 one at no revision, whose tables are there: the baseline makes what is missing.

    Any other but an earlier one is left alone. Raises `DatabaseError`.
    """
    if current in _TOO_OLD:
        raise DatabaseError(
            f"the database is at revision {current} of before 0.1.0, and only {LAST} can be taken over: "
            f"run `spanhouse migrate up` of commit {_LAST_COMMIT}, then this one again"
        )
    if current != LAST:
        return
    from spanhouse_schema.clickhouse import revisions  # noqa: PLC0415  # takes most of a second, and is needed once

    for statement in revisions.statements("0001_baseline", "up"):
        database.command(statement)
    for function in _FUNCTIONS_GONE:
        database.command(f"DROP FUNCTION IF EXISTS {function}")
    for name, value in _settings(database).items():
        database.command(
            "INSERT INTO spanhouse.installation (name, value, changed_at) "
            f"SELECT {literal(name)}, {literal(value)}, now64(6)"
        )
    # Last, so that what was broken off is done again.
    database.command("DROP TABLE IF EXISTS spanhouse.migration_lock")
    database.command("TRUNCATE TABLE spanhouse.alembic_version")


def refuse(current: str | None) -> None:
    """Raise `DatabaseError` when the database is at a revision of before the baseline: there is no way down from it."""
    if current == LAST or current in _TOO_OLD:
        raise DatabaseError(
            f"the database is at revision {current} of before 0.1.0: `spanhouse migrate up` comes first"
        )


def _settings(database: Database) -> dict[str, str]:
    """Return what was set, as it is in force."""
    query = (
        "SELECT name, extract(engine_full, 'TTL .*?toIntervalDay[(](\\\\d+)[)]') FROM system.tables "
        "WHERE database = 'spanhouse' AND name IN ('otel_traces', 'sql_audit')"
    )
    days = {name: days or "0" for name, days in database.rows(query)}
    ((view,),) = database.rows("SELECT create_table_query FROM system.tables WHERE name = 'budget_limits_now'")
    timezone = re.search(r"toDate32\(now\(\), '([^']+)'\) AS date", view)
    assert timezone, "the view says where a day begins"
    return {name: days[table] for name, table in _RETENTIONS.items()} | {"timezone": timezone[1]}
