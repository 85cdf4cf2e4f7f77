"""What a reader's statement reads in place of a table: the same rows, with no text of another's row within reach.

A column of LowCardinality keeps its texts in a dictionary, which the rows of a part share, whoever's they are. The
engine runs a function once over all of it, the texts of filtered rows included, and an error then quotes them:
base64Decode(SpanName). So each such column is made anew from the rows that are left, before anything else is done with
it. It keeps its type, and the primary key and the skip indexes still serve it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from spanhouse_api.sql.allowlist import IN_FUNCTIONS
from spanhouse_api.sql.errors import Denied
from spanhouse_api.sql.gate import DATABASE, Node, nodes
from spanhouse_schema import Database
from spanhouse_schema.access.row_filters import readable

_LOW_CARDINALITY = "LowCardinality("
# They hand out the elements of a column with the dictionary that they share; other functions make it anew.
_JOINS = frozenset({"arrayjoin", "unnest"})


class Plain(NamedTuple):
    """Of a table: the `shared` columns, by the type within LowCardinality, and those `unlisted` by an asterisk."""

    shared: Mapping[str, str]
    unlisted: frozenset[str]


def plain_tables(database: Database) -> dict[str, Plain]:
    """The tables that readers may read, by name. Raises `DatabaseError`."""
    columns = database.rows(
        "SELECT table, name, type, default_kind IN ('MATERIALIZED', 'ALIAS') FROM system.columns "
        "WHERE database = {database:String}",
        parameters={"database": DATABASE},
    )
    return {
        table: Plain(
            {name: _within(type_) for of, name, type_, _ in columns if of == table and _is_shared(type_)},
            frozenset(name for of, name, _, unlisted in columns if of == table and unlisted),
        )
        for database_, table in readable(database)
        if database_ == DATABASE
    }


def read_plain(tree: Node, tables: Mapping[str, Plain]) -> None:
    """Let a statement read queries in place of these tables. Raises `Denied` when it gives their names to others."""
    # What has no type, or is unknown, the gate denies.
    every = [node for node in nodes(tree) if "type" in node]
    for node in every:
        if node["type"] == "WithElement" and node["name"] in tables:
            raise Denied("syntax", f"a common table expression with the name of a table, {node['name']},")
    named = {node["name"] for node in every if node["type"] == "Identifier"}
    for node in every:
        if node["type"] == "TableExpression":
            _read_query(node, tables, named)
        elif node["type"] == "SelectQuery":
            _join_conditions(node)
        elif node["type"] == "Function":
            _make_arguments_plain(node, tables, named)
        elif node["type"] == "Identifier":
            _drop_database(node, tables)


def read_plain_condition(tree: Node, name: str, plain: Plain) -> None:
    """Let a condition on the table of this name read plain columns."""
    for node in [node for node in nodes(tree) if "type" in node]:
        if node["type"] == "Function":
            _make_arguments_plain(node, {}, set())
        elif node["type"] == "Identifier":
            column = node["name"].removeprefix(f"{DATABASE}.").removeprefix(f"{name}.")
            if column in plain.shared:
                alias = {"alias": node["alias"]} if "alias" in node else {}
                node.clear()
                node.update(_made_anew(column, plain.shared[column]), **alias)


def _is_shared(type_: str) -> bool:
    return type_.startswith(_LOW_CARDINALITY)


def _within(type_: str) -> str:
    return type_.removeprefix(_LOW_CARDINALITY).removesuffix(")")


def _read_query(expression: Node, tables: Mapping[str, Plain], named: set[str]) -> None:
    table = expression.get("database_and_table_name", {})
    name = _table(table)
    if name in tables:
        # FINAL and SAMPLE are said of the table itself.
        inner = {key: expression.pop(key) for key in list(expression) if key != "type"}
        expression["subquery"] = {**_query(name, tables[name], named, inner), "alias": table.get("alias", name)}


def _table(named: Node) -> str:
    """The name of a table in our database; '' when it is in another."""
    parts = named.get("name_parts") or [named.get("name", "")]
    return parts[-1] if parts[:-1] in ([], [DATABASE]) else ""


def _query(name: str, plain: Plain, named: set[str], inner: Node) -> Node:
    unlisted = sorted(column for column in plain.unlisted if column in named)
    replaced = [
        {
            "type": "ColumnsReplaceTransformerReplacement",
            "name": column,
            "children": [_made_anew(column, plain.shared[column])],
        }
        for column in plain.shared
        if column not in plain.unlisted
    ]
    transformers = {
        "type": "ColumnsTransformerList",
        "children": [{"type": "ColumnsReplaceTransformer", "children": replaced}],
    }
    every = {"type": "Asterisk", **({"transformers": transformers} if replaced else {})}
    source = {
        **inner,
        "type": "TableExpression",
        "database_and_table_name": {
            "type": "TableIdentifier",
            "name": f"{DATABASE}.{name}",
            "name_parts": [DATABASE, name],
        },
    }
    select = {
        "type": "SelectQuery",
        "select": _list(every, *(_column(column, plain) for column in unlisted)),
        "tables": {
            "type": "TablesInSelectQuery",
            "children": [{"type": "TablesInSelectQueryElement", "table_expression": source}],
        },
    }
    union = {"type": "SelectWithUnionQuery", "union_mode": "UNION_DEFAULT", "list_of_selects": _list(select)}
    return {"type": "Subquery", "children": [union]}


def _column(column: str, plain: Plain) -> Node:
    if column in plain.shared:
        return {**_made_anew(column, plain.shared[column]), "alias": column}
    return {"type": "Identifier", "name": column}


def _made_anew(column: str, within: str) -> Node:
    text = _cast({"type": "Identifier", "name": column}, within)
    return _cast(text, f"{_LOW_CARDINALITY}{within})")


def _cast(value: Node, type_: str) -> Node:
    return _call("CAST", value, {"type": "Literal", "value": {"field_type": "String", "value": type_}})


def _call(function: str, *arguments: Node) -> Node:
    return {"type": "Function", "name": function, "arguments": _list(*arguments)}


def _list(*children: Node) -> Node:
    return {"type": "ExpressionList", "children": list(children)}


def _join_conditions(select: Node) -> None:
    """A query has no PREWHERE. The engine moves to its own what is worth it."""
    if "prewhere" in select:
        both = [select.pop("prewhere"), *([select["where"]] if "where" in select else [])]
        select["where"] = _call("and", *both) if len(both) == 2 else both[0]


def _make_arguments_plain(function: Node, tables: Mapping[str, Plain], named: set[str]) -> None:
    arguments = function.get("arguments", {}).get("children", [])
    name = function["name"].lower()
    if name in _JOINS and arguments:
        # Making an array of it, and taking it out again, leaves only its own texts.
        one: Node = {"type": "Literal", "value": {"field_type": "UInt64", "value": 1}}
        arguments[:] = [_call("arrayElement", _call("array", argument), one) for argument in arguments]
    if name in IN_FUNCTIONS:
        for at, argument in enumerate(arguments[1:], 1):
            if argument["type"] == "Identifier" and (table := _table(argument)) in tables:
                arguments[at] = _query(table, tables[table], named, {})


def _drop_database(node: Node, tables: Mapping[str, Plain]) -> None:
    parts = node.get("name_parts", [])
    if len(parts) > 1 and parts[0] == DATABASE and parts[1] in tables:
        node["name_parts"] = parts[1:]
        node["name"] = ".".join(parts[1:])
        if len(parts) == 2:
            del node["name_parts"]
