"""The gate: what a reader may run, decided on ClickHouse's own syntax tree of the very text that runs. Default deny.

`syntax` has the engine parse a statement, takes FORMAT and SETTINGS off, has the engine write the rest out again, which
leaves one spelling of everything, and parses that. Here each node of this last tree must be in `allowed`. Nothing here
knows which rows are whose: row filters see to that (`spanhouse_schema.access.row_filters`).
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from spanhouse_api.sql.allowlist import (
    AGGREGATES,
    CATALOGUE,
    COMBINATORS,
    EXPLANATIONS,
    FUNCTIONS,
    IN_FUNCTIONS,
    NODES,
    ROOTS,
    TABLE_FUNCTIONS,
    TYPED_FUNCTIONS,
    VIRTUAL_COLUMNS,
)
from spanhouse_api.sql.errors import Denied

Node = dict[str, Any]
Name = tuple[str, str]

DATABASE = "spanhouse"

_MATCHERS = frozenset(name for name in NODES if name.endswith(("Asterisk", "Matcher")))


class Facts(NamedTuple):
    """What the gate knows of the engine.

    `readable`: the relations that readers may read, by database and name. `functions`: the names of all functions, in
    lower case. `hidden`: the columns of the system's tables that are not shown.
    """

    readable: frozenset[Name]
    functions: frozenset[str]
    hidden: frozenset[str]


def check(tree: Node, facts: Facts) -> frozenset[str]:
    """Raise `Denied` for a tree with anything in it that is not allowed.

    Returns the names that stand for tables and were taken for common table expressions or aliases of the statement:
    whoever runs it makes sure that no relation bears one, because where each is in force is the engine's to say.
    """
    if tree.get("type") not in ROOTS:
        raise Denied("statement", str(tree.get("type")))
    every = list(nodes(tree))
    for node in every:
        allowed = NODES.get(node.get("type", ""))
        if allowed is None:
            raise Denied("syntax", node.get("type", "a node without a type"))
        if unknown := node.keys() - allowed:
            raise Denied("syntax", f"{node['type']} with {', '.join(sorted(unknown))}")
    # The shape is one that is understood: now what it names.
    names = _Names(every, facts)
    names.check()
    return frozenset(names.assumed)


def check_relation(name: Name, facts: Facts) -> None:
    """Raise `Denied` for a relation that readers may not read."""
    if name not in facts.readable:
        raise Denied("relation", ".".join(name))


def may_call(name: str) -> bool:
    """Whether a function may be called, by its name in lower case."""
    return name in FUNCTIONS or name in TABLE_FUNCTIONS or _may_aggregate(name)


def _may_aggregate(name: str) -> bool:
    if name in AGGREGATES:
        return True
    return any(name.endswith(suffix) and _may_aggregate(name.removesuffix(suffix)) for suffix in COMBINATORS)


def nodes(tree: Node) -> Iterator[Node]:
    """Every node of a tree; the value of a literal is data, not part of it."""
    waiting: list[Any] = [tree]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += found
        elif isinstance(found, dict):
            yield found
            waiting += [value for key, value in found.items() if (found.get("type"), key) != ("Literal", "value")]


class _Names:
    """The names in a tree whose nodes are all allowed."""

    def __init__(self, every: list[Node], facts: Facts) -> None:
        self._every = every
        self._facts = facts
        self._expressions = {node["name"] for node in every if node["type"] == "WithElement"}
        # An alias of a name may stand for a table that bears the name.
        names = _aliases(node for node in every if node["type"] in {"Identifier", "TableIdentifier"})
        self._aliases = _aliases(every) - names
        self.assumed: set[str] = set()
        # A statement that asks the system's tables for columns says which.
        self._guarded = any(_reads_catalogue(node) for node in every)
        # A condition of additional_table_filters does not say what it is put to.
        self._placed = any(node["type"] == "TableExpression" for node in every)

    def check(self) -> None:
        checks = {
            "ExplainQuery": self._explanation,
            "Function": self._function,
            "Identifier": self._identifier,
            "QueryParameter": self._parameter,
            "ShowTablesQuery": self._listing,
            "TableExpression": self._table_function,
            "TableIdentifier": self._table,
        }
        for node in self._every:
            if node["type"] in checks:
                checks[node["type"]](node)
            if self._guarded:
                self._every_column(node)
            if self._guarded or not self._placed:
                self._hidden(node)

    def _explanation(self, node: Node) -> None:
        if node["kind"] not in EXPLANATIONS:
            raise Denied("statement", node["kind"])

    def _listing(self, node: Node) -> None:
        if "from" in node and node["from"]["name"] not in {DATABASE, "system"}:
            raise Denied("relation", node["from"]["name"])

    def _function(self, node: Node) -> None:
        name, arguments = node["name"].lower(), node.get("arguments", {}).get("children", [])
        if not may_call(name):
            raise Denied("function", node["name"])
        if name in TYPED_FUNCTIONS:
            _check_type(node["name"], arguments)
        if name in IN_FUNCTIONS:
            for argument in arguments[1:]:
                self._set(argument)

    def _identifier(self, node: Node) -> None:
        # arrayMap(file, …) names a function without calling it.
        name = node["name"].lower()
        if name in self._facts.functions and not may_call(name):
            raise Denied("function", node["name"])
        for part in node["name"].split("."):
            if part in VIRTUAL_COLUMNS:
                raise Denied("column", node["name"])

    def _parameter(self, node: Node) -> None:
        if node["param_type"] == "Identifier" or _is_state(node["param_type"]):
            raise Denied("type", f"{{{node['name']}:{node['param_type']}}}")

    def _table_function(self, node: Node) -> None:
        if "table_function" in node and node["table_function"]["name"].lower() not in TABLE_FUNCTIONS:
            raise Denied("table function", node["table_function"]["name"])

    def _table(self, node: Node) -> None:
        self._relation(_parts(node), self._expressions)

    def _set(self, node: Node) -> None:
        """What is right of IN: a name there is a table's, a common table expression's or an alias of this statement."""
        if node["type"] == "Identifier":
            self._relation(_parts(node), self._expressions | self._aliases)
            if _reads_catalogue(node):
                raise Denied("column", "*")

    def _relation(self, parts: list[str], own: set[str]) -> None:
        """Check a relation that may also be one of the statement's `own`."""
        database, name = parts if len(parts) == 2 else (DATABASE, ".".join(parts))
        if (database, name) in self._facts.readable:
            return
        if len(parts) == 1 and name in own:
            self.assumed.add(name)
        else:
            check_relation((database, name), self._facts)

    def _every_column(self, node: Node) -> None:
        if node["type"] in _MATCHERS:
            raise Denied("column", "*")
        # NATURAL JOIN and USING find a column by an alias as well.
        if node.get("alias", "") in self._facts.hidden:
            raise Denied("column", node["alias"])

    def _hidden(self, node: Node) -> None:
        # `total_rows.null`, one name in quotes, is a part of total_rows too.
        for name in ".".join(_parts(node)).split("."):
            if name in self._facts.hidden:
                raise Denied("column", name)


def _aliases(found: Iterable[Node]) -> set[str]:
    return {node["alias"] for node in found if "alias" in node}


def _reads_catalogue(node: Node) -> bool:
    parts = _parts(node)
    return len(parts) == 2 and parts[0] == "system" and parts[1] in CATALOGUE


def _parts(node: Node) -> list[str]:
    parts: list[str] = node.get("name_parts") or [node.get("name", "")]
    return parts


def _check_type(function: str, arguments: list[Node]) -> None:
    value = arguments[-1]["value"] if arguments and arguments[-1]["type"] == "Literal" else {}
    if value.get("field_type") != "String":
        raise Denied("type", f"that {function} makes at run time")
    if _is_state(value["value"]):
        raise Denied("type", value["value"])


def _is_state(type_: str) -> bool:
    # A type's name may stand in quotes, where \x46 is a letter; of a name in quotes there is no other need.
    return "aggregatefunction" in type_.lower() or "`" in type_ or '"' in type_
