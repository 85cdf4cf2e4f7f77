"""What a tenant's reader sees of each relation in the embedded engine: one row filter each, none without.

Everybody is one user there, so a filter asks the connection who reads: a reader's has the setting `log_comment` at
`tenant:NAME`, which the SQL door sets before it makes the connection read-only. Whatever has another log comment sees
everything: the loader, the machine's owner, and refreshable views, which set one of their own.
"""

from collections.abc import Iterable
from typing import NamedTuple
from xml.sax.saxutils import escape

from spanhouse_schema.clickhouse.database import Database

_MARK = "tenant:"
_IS_READER = f"startsWith(getSetting('log_comment'), '{_MARK}')"
_CLOSED = f"NOT {_IS_READER}"
_TENANT = f"substring(getSetting('log_comment'), {len(_MARK) + 1})"

_TENANT_COLUMNS = ("TenantId", "tenant_id")
# They show the rows of others, or hold none to show.
_CLOSED_ENGINES = frozenset({"MaterializedView", "Dictionary", "Null"})
_CLOSED_RELATIONS = frozenset({"set_aside_traces", "sql_audit"})

_SAME_FOR_ALL = ("data_type_families", "formats", "functions", "numbers", "one", "settings", "time_zones", "zeros")
_OPEN_CATALOGUE = (*_SAME_FOR_ALL, "columns", "databases", "tables")

_CATALOGUE = """
SELECT database, name, engine, column
FROM system.tables
LEFT JOIN
(
    SELECT database, table AS name, any(columns.name) AS column
    FROM system.columns AS columns
    WHERE columns.name IN {columns:Array(String)}
    GROUP BY database, table
) AS tenants USING (database, name)
WHERE NOT is_temporary
ORDER BY database, name
"""


class Relation(NamedTuple):
    """A table, view or dictionary; `tenant_column` is '' when it has none."""

    database: str
    name: str
    engine: str
    tenant_column: str

    @property
    def is_tenants(self) -> bool:
        """Whether readers may read it, each their tenant's rows."""
        return (
            self.database == "spanhouse"
            and bool(self.tenant_column)
            and self.engine not in _CLOSED_ENGINES
            and self.name not in _CLOSED_RELATIONS
        )


def enforce(database: Database) -> None:
    """Put the filters in force, for the relations that there are now. Raises `DatabaseError`.

    Call it while nobody else has a connection: see `Database.filter_rows`.
    """
    if database.embedded:
        database.filter_rows(to_xml(relations(database)))


def tenant_mark(tenant: str) -> str:
    """The log comment of a connection that reads for this tenant."""
    return _MARK + tenant


def relations(database: Database) -> list[Relation]:
    """Everything in the catalogue that can be read from. Raises `DatabaseError`."""
    return [Relation(*row) for row in database.rows(_CATALOGUE, parameters={"columns": list(_TENANT_COLUMNS)})]


def readable(database: Database) -> frozenset[tuple[str, str]]:
    """Database and name of what readers may read, by the filters that are in force: what has none is not among them.

    Raises `DatabaseError`.
    """
    rows = database.rows("SELECT database, table, select_filter FROM system.row_policies")
    return frozenset((name, table) for name, table, filter_ in rows if filter_ != _CLOSED)


def to_xml(found: Iterable[Relation]) -> str:
    """The filters of these relations, as the engine's configuration of a user spells them."""
    every = list(found)
    tenants = tuple(relation.name for relation in every if relation.is_tenants)
    databases: dict[str, list[str]] = {}
    for relation in every:
        # What is no XML name cannot have a filter; without one it is not readable.
        if relation.name.isidentifier() and relation.database.isidentifier():
            filter_ = escape(_filter(relation, tenants))
            databases.setdefault(relation.database, []).append(
                f"<{relation.name}><filter>{filter_}</filter></{relation.name}>"
            )
    return "".join(f"<{name}>{''.join(tables)}</{name}>" for name, tables in databases.items())


def _filter(relation: Relation, tenants: tuple[str, ...]) -> str:
    if relation.is_tenants:
        return f"{_CLOSED} OR {relation.tenant_column} = {_TENANT}"
    if relation.database != "system" or relation.name not in _OPEN_CATALOGUE:
        return _CLOSED
    if relation.name in _SAME_FOR_ALL:
        return "1"
    return f"{_CLOSED} OR {_listing(relation.name, tenants)}"


def _listing(catalogue: str, tenants: tuple[str, ...]) -> str:
    """Of the catalogue, what speaks of relations that readers may read."""
    if catalogue == "databases":
        return "name IN ('spanhouse', 'system')"
    name = "table" if catalogue == "columns" else "name"
    return f"(database, {name}) IN ({_pairs('spanhouse', tenants)}, {_pairs('system', _OPEN_CATALOGUE)})"


def _pairs(database: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"('{database}', '{name}')" for name in names)
