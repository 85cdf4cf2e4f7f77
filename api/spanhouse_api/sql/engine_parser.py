"""ClickHouse's own parser: a statement as a syntax tree, and back, without its FORMAT and SETTINGS."""

import json
import re
from typing import Any, NamedTuple

from spanhouse_api.sql.errors import Denied, Refused
from spanhouse_api.sql.gate import Node
from spanhouse_api.sql.owner import connected
from spanhouse_schema import Connection, Database, StatementFailed
from spanhouse_schema.quoting import literal

_PARSE = b"SELECT parseQueryToJSON(%s)"
_SPELL = b"SELECT formatQuerySingleLine(%s)"
_WRITE = b"SELECT formatQueryFromJSON(%s) AS text, parseQueryToJSON(text)"
# A tree is some ten times as long as its statement.
_LONGEST_TREE = str(64 * 1024 * 1024)

_NO_TREE = re.compile("does not support JSON serialization|is not supported by parseQueryToJSON")
# ClickHouse quotes the statement that stands around the client's.
_SCOPE = re.compile(r": In scope SELECT \w+\(.*(?=\. \([A-Z_]+\))", re.DOTALL)


class Clauses(NamedTuple):
    """What stood at the end of a statement: its FORMAT, '' when none, and its SETTINGS, as texts."""

    format: str
    settings: dict[str, str]


def parser(database: Database) -> Connection:
    """A connection for the functions below. Close it."""
    return connected(database, {"max_query_size": _LONGEST_TREE})


def parse(connection: Connection, text: bytes) -> Node | None:
    """The tree of a statement, None when ClickHouse has none of it. Raises `StatementFailed` when it is not SQL."""
    try:
        tree: Node = _load(connection.query(_PARSE % _quoted(text), "RawBLOB"))
    except StatementFailed as error:
        if _NO_TREE.search(str(error)):
            return None
        raise _without_scope(error) from error
    return tree


def spell(connection: Connection, text: bytes) -> bytes:
    """A statement in ClickHouse's own spelling, on one line. Raises `StatementFailed`."""
    return connection.query(_SPELL % _quoted(text), "RawBLOB")


def parse_map(connection: Connection, text: str) -> dict[str, str] | None:
    """The value of a setting that is a map of texts, None when it is not one. Raises `StatementFailed`."""
    tree = parse(connection, f"SELECT 1 SETTINGS a_map = {text}".encode())
    if tree is None or tree["type"] != "SelectWithUnionQuery":
        return None
    changes = _last_select(tree).get("settings", {}).get("changes", [])
    if [change["name"] for change in changes] != ["a_map"] or changes[0]["value"]["field_type"] != "Map":
        return None
    return dict(_pair(field) for field in changes[0]["value"]["value"])


def spell_map(pairs: dict[str, str]) -> str:
    """The value of a setting that is a map of texts."""
    return "{" + ", ".join(f"{literal(key)}: {literal(value)}" for key, value in pairs.items()) + "}"


def take_clauses(tree: Node) -> Clauses:
    """Take FORMAT and SETTINGS off the end of a statement. Raises `Denied` for INTO OUTFILE."""
    format_ = ""
    settings: dict[str, str] = {}
    # Those behind EXPLAIN SELECT … may belong to either.
    for query in filter(None, (tree.get("query"), tree)):
        if "out_file" in query or "compression" in query:
            raise Denied("syntax", "INTO OUTFILE")
        format_ = query.pop("format_ast", {}).get("name", format_)
        for part in (_last_select(query).pop("settings", None), query.pop("settings_ast", None)):
            settings |= _changes(part) if part else {}
    return Clauses(format_, settings)


def write(connection: Connection, tree: Node) -> tuple[bytes, Node]:
    """The text of a tree, one spelling of everything, and the tree of that text. Raises `StatementFailed`."""
    spelled = json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogateescape")
    try:
        text, parsed = _load(connection.query(_WRITE % _quoted(spelled), "JSONCompactEachRow"))
    except StatementFailed as error:
        raise _without_scope(error) from error
    return text.encode("utf-8", "surrogateescape"), json.loads(parsed)


def _without_scope(error: StatementFailed) -> StatementFailed:
    return StatementFailed(_SCOPE.sub("", str(error)), error.code)


def _load(text: bytes) -> Any:
    try:
        # A string in a statement need not be UTF-8.
        return json.loads(text.decode("utf-8", "surrogateescape"))
    except RecursionError as error:
        raise Refused(306, "TOO_DEEP_RECURSION", "The statement is nested too deeply") from error


def _quoted(text: bytes) -> bytes:
    return b"'%s'" % text.replace(b"\\", b"\\\\").replace(b"'", b"\\'")


def _last_select(query: Node) -> Node:
    selects: list[Node] = query.get("list_of_selects", {}).get("children", [])
    return selects[-1] if selects else {}


def _changes(part: Node) -> dict[str, str]:
    if unknown := part.keys() - {"type", "is_standalone", "changes"}:
        raise Denied("setting", f"with {', '.join(sorted(unknown))}")
    return {change["name"]: _text(change["value"]) for change in part["changes"]}


def _text(field: Node) -> str:
    value = field["value"]
    if field["field_type"] == "Map":
        return spell_map(dict(_pair(pair) for pair in value))
    return str(int(value) if isinstance(value, bool) else value)


def _pair(field: Node) -> tuple[str, str]:
    key, value = (part["value"] for part in field["value"])
    return str(key), str(value)
