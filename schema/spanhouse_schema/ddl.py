"""Our SQL files, as statements: `sql/` holds one file a table, view or family of functions."""

import re
from importlib.resources import files

from sqlalchemy import TextClause, text

# An AnyValue as ClickHouse's Protobuf reader gives it: which member of the oneof was set, and one column for each.
_SCALARS = (
    "string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String, "
    "value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, "
    "'array_value' = 5, 'bytes_value' = 7)"
)
_ANY_VALUE = f"Tuple({_SCALARS}, array_value Tuple(values Array(Tuple({_SCALARS}))))"

# The types that the ingest tables repeat; everything else in a file is ClickHouse's own SQL.
_TYPES = {
    "{any_value}": _ANY_VALUE,
    "{attributes}": f"Array(Tuple(key LowCardinality(String), value {_ANY_VALUE}))",
    # ClickHouse tells the members by their field numbers, which are others in an exemplar than in a point.
    "{point_number}": "Enum8('none' = 0, 'as_double' = 4, 'as_int' = 6)",
    "{exemplar_number}": "Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6)",
}


def read(name: str) -> str:
    """The text of the file `name` in `sql/`."""
    return files("spanhouse_schema").joinpath("sql", name).read_text(encoding="utf-8")


def statements(name: str) -> list[str]:
    """The statements of `sql/<name>.sql`, in order, with the types of the ingest tables spelled out."""
    sql = read(f"{name}.sql")
    for placeholder, spelled in _TYPES.items():
        sql = sql.replace(placeholder, spelled)
    return [part.strip() for part in re.split(r";\s*$", sql, flags=re.MULTILINE) if _has_sql(part)]


def _has_sql(part: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in part.splitlines())


def literal(statement: str) -> TextClause:
    """The statement as SQLAlchemy text whose colons are themselves, not parameters."""
    return text(statement.replace(":", "\\:"))
