"""What a database consists of, as ClickHouse spells it."""

from spanhouse_schema import Database

# Alembic's own, whose rows say where the tables stand.
_NOT_OURS = "alembic_version"
# Columns that a revision added, as a regular expression: rows of before have their defaults.
_ADDED = "^EndIsKnown$"


def objects(database: Database) -> dict[str, str]:
    """Every table, view and function by its name, with the statement that makes it."""
    relations = database.rows(
        "SELECT name, create_table_query FROM system.tables WHERE database = 'spanhouse' AND name != {name:String}",
        parameters={"name": _NOT_OURS},
    )
    functions = database.rows("SELECT name, create_query FROM system.functions WHERE origin = 'SQLUserDefined'")
    return dict(sorted([*relations, *functions]))


def rows_hashed(database: Database) -> dict[str, tuple[int, int]]:
    """How many rows each table has that keeps any, and a hash of them all, whatever was merged or added."""
    tables = database.rows(
        "SELECT name, engine FROM system.tables WHERE database = 'spanhouse' AND engine LIKE '%MergeTree' "
        "AND name != {name:String} ORDER BY name",
        parameters={"name": _NOT_OURS},
    )
    return {table: _hashed(database, f"{table}{' FINAL' * (engine != 'MergeTree')}") for table, engine in tables}


def _hashed(database: Database, rows: str) -> tuple[int, int]:
    ((count, hash_),) = database.rows(
        f"SELECT count(), sum(cityHash64(formatRow('RowBinary', * EXCEPT '{_ADDED}'))) FROM spanhouse.{rows}"
    )
    return int(count), int(hash_)
