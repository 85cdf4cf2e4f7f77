"""`system.settings` as a reader's client must see it: which settings it may change on its read-only connection.

clickhouse-connect asks there before it sends a setting, and keeps back what it is told is read-only. Which ones the
door takes is not the engine's to know, so wherever a statement names this table, it gets this query of it instead.
"""

from typing import Any

from spanhouse_api.sql.allowlist import LIMITS, SETTINGS, TABLE_FILTERS
from spanhouse_api.sql.engine_parser import parse
from spanhouse_api.sql.gate import Node, nodes
from spanhouse_schema import Connection
from spanhouse_schema.quoting import literal

_TABLE = ["system", "settings"]
_CHANGEABLE = ", ".join(map(literal, sorted({*LIMITS, *SETTINGS, TABLE_FILTERS})))
_VIEW = f"""
SELECT 1 FROM
(
    SELECT * REPLACE (toUInt8(name NOT IN ({_CHANGEABLE})) AS readonly)
    FROM system.settings
) AS settings
"""


def changeable_settings(connection: Connection) -> Node:
    """The query, as the engine's tree of it."""
    tree = parse(connection, _VIEW.encode())
    assert tree is not None, "a SELECT has a tree"
    subquery: Node = _tables(tree)[0]["subquery"]
    return subquery


def show_changeable(tree: Node, subquery: Node) -> None:
    """Let a statement read the query wherever it names `system.settings`."""
    for expression in _tables(tree):
        table = expression.get("database_and_table_name", {})
        if table.get("name_parts") == _TABLE:
            del expression["database_and_table_name"]
            expression["subquery"] = {**subquery, "alias": table.get("alias", _TABLE[1])}


def _tables(tree: Node) -> list[dict[str, Any]]:
    return [node for node in list(nodes(tree)) if node.get("type") == "TableExpression"]
