"""A reader's statement, understood so that it is safe to run: through the gate, and written out anew by the engine."""

import re
from functools import lru_cache, partial
from typing import NamedTuple

from spanhouse_api.sql.allowlist import CATALOGUE, TABLE_FILTERS
from spanhouse_api.sql.dictionaries import plain_tables, read_plain, read_plain_condition
from spanhouse_api.sql.engine_parser import parse, parse_map, parser, spell, spell_map, take_clauses, write
from spanhouse_api.sql.errors import Denied, Refused
from spanhouse_api.sql.gate import DATABASE, Facts, Node, check, check_relation, nodes
from spanhouse_api.sql.owner import connected, run
from spanhouse_api.sql.parameters import Parameters
from spanhouse_api.sql.pipe import Pipe
from spanhouse_api.sql.reader_settings import Confinement, check_format
from spanhouse_api.sql.running import Run
from spanhouse_api.sql.text.statement import Kind, Statement
from spanhouse_api.sql.upload import Upload
from spanhouse_api.sql.visible_settings import changeable_settings, show_changeable
from spanhouse_schema import Connection, Database
from spanhouse_schema.access import row_filters
from spanhouse_schema.access.key_ring import DEFAULT_TENANT
from spanhouse_schema.clickhouse.database import Statistics
from spanhouse_schema.settings import SqlSettings

# The engine has no tree of these, but one spelling: what this matches means nothing else.
_ON_ONE_RELATION = re.compile(
    rb"(?P<verb>DESCRIBE|EXISTS|SHOW CREATE) (?:TABLE|VIEW) (?:(?P<database>\w+)\.)?(?P<name>\w+)"
    rb"(?: FORMAT (?P<format>\w+))?"
)
_REMEMBERED, _SHORT_BYTES = 256, 4096
_CONDITION = b"SELECT 1 WHERE "
# Many clients name `default` unasked.
_DATABASES = frozenset({"", "default", DATABASE})


class Explanation(NamedTuple):
    """Whether a reader may run a statement: as which text it `runs`, or else the `rule` that `subject` breaks."""

    allowed: bool
    runs: str = ""
    rule: str = ""
    subject: str = ""
    reason: str = ""


class Reader:
    """Understands and runs readers' statements."""

    def __init__(self, database: Database, settings: SqlSettings) -> None:
        self._database = database
        self._facts = _facts(database)
        self._confinement = Confinement(settings)
        self._plain = plain_tables(database)
        with parser(database) as connection:
            self._changeable = changeable_settings(connection)
        # Dashboards ask the same again and again, and the way through the gate takes 1.7 ms.
        self._remembered = lru_cache(_REMEMBERED)(self._understood)

    def prepared(self, upload: Upload, parameters: Parameters, tenant: str) -> Run:
        """What runs the statement of an upload, over the rows of one tenant. Raises `Refused`."""
        check_format(upload.statement.format or parameters.default_format)
        if parameters.database not in _DATABASES:
            raise Refused(81, "UNKNOWN_DATABASE", f"Database {parameters.database} does not exist: use {DATABASE}")
        return partial(self._run, tenant, upload, parameters)

    def understand(self, text: bytes) -> Statement:
        """What a reader may run of `text`. It asks for its FORMAT and SETTINGS, and no longer has them.

        Raises `Denied`, and `StatementFailed` when ClickHouse does not understand it either.
        """
        statement, assumed = self._remembered(text) if len(text) <= _SHORT_BYTES else self._understood(text)
        if assumed:
            self._check_no_relation(assumed)
        return statement

    def table_filters(self, spelled: str) -> str:
        """The value of additional_table_filters, with each condition checked and written out anew.

        Raises like `understand`.
        """
        with parser(self._database) as connection:
            filters = parse_map(connection, spelled)
            if filters is None:
                raise Denied("setting", f"{TABLE_FILTERS} = {spelled}")
            return spell_map({self._table(name): self._condition(connection, name, filters[name]) for name in filters})

    def explain(self, text: bytes, parameters: Parameters) -> Explanation:
        """Whether a reader may run this, and if not, why. Raises `StatementFailed` when ClickHouse cannot read it."""
        try:
            statement = self.understand(text)
            check_format(statement.format or parameters.default_format)
            asked = {**parameters.settings, **statement.settings}
            self._confinement.settings(DEFAULT_TENANT, asked, self.table_filters)
        except Denied as denied:
            return Explanation(False, "", denied.rule, denied.subject, denied.reason)
        return Explanation(True, statement.text.decode(errors="replace"))

    def _understood(self, text: bytes) -> tuple[Statement, frozenset[str]]:
        """A statement, and the names that no relation may bear when it runs."""
        with parser(self._database) as connection:
            tree = parse(connection, text)
            if tree is None:
                return self._on_one_relation(spell(connection, text)), frozenset()
            clauses = take_clauses(tree)
            show_changeable(tree, self._changeable)
            read_plain(tree, self._plain)
            safe, parsed = write(connection, tree)
        assumed = check(parsed, self._facts)
        kind = Kind.SELECT if tree["type"] == "SelectWithUnionQuery" else Kind.OTHER
        statement = Statement(
            kind, safe, clauses.format, reads_only=True, settings=clauses.settings, clause_at=len(safe)
        )
        return statement, assumed

    def _check_no_relation(self, names: frozenset[str]) -> None:
        found = self._database.rows(
            "SELECT name FROM system.tables WHERE database = {database:String} AND name IN {names:Array(String)}",
            parameters={"database": DATABASE, "names": sorted(names)},
        )
        for (name,) in found:
            raise Denied("relation", f"{DATABASE}.{name}")

    def _run(self, tenant: str, upload: Upload, parameters: Parameters, pipe: Pipe, mark: bytes) -> Statistics:
        asked = {**parameters.settings, **upload.statement.settings}
        # A session's connection could not be made read-only and be used again; a reader's session has nothing to keep.
        with connected(self._database, self._confinement.settings(tenant, asked, self.table_filters)) as connection:
            return run(connection, upload, parameters, pipe, mark)

    def _on_one_relation(self, text: bytes) -> Statement:
        found = _ON_ONE_RELATION.fullmatch(text)
        if found is None:
            raise Denied("statement", text.decode(errors="replace"))
        verb, database, name, format_ = (part.decode() for part in found.groups(b""))
        relation = (database or DATABASE, name)
        if verb == "EXISTS" and relation not in self._facts.readable:
            safe = b"SELECT 0 AS result"
        else:
            check_relation(relation, self._facts)
            safe = text.removesuffix(f" FORMAT {format_}".encode())
        return Statement(Kind.OTHER, safe, format_, reads_only=True, clause_at=len(safe))

    def _table(self, name: str) -> str:
        database, _, table = name.rpartition(".")
        check_relation((database or DATABASE, table), self._facts)
        return name

    def _condition(self, connection: Connection, name: str, condition: str) -> str:
        tree = parse(connection, _CONDITION + condition.encode())
        if tree is None:
            raise Denied("setting", f"{TABLE_FILTERS} with {condition}")
        table = name.rpartition(".")[2]
        if table in self._plain:
            read_plain_condition(tree, table, self._plain[table])
        text, parsed = write(connection, tree)
        if check(parsed, self._facts) or not _is_condition(parsed):
            raise Denied("setting", f"{TABLE_FILTERS} with {condition}")
        return text.removeprefix(_CONDITION).decode()


def _is_condition(tree: Node) -> bool:
    """Whether a tree is one SELECT with WHERE, and neither another clause nor a query within."""
    selects = tree.get("list_of_selects", {}).get("children", [])
    return (
        len(selects) == 1
        and selects[0].keys() == {"type", "select", "where"}
        and not any(node["type"] == "Subquery" for node in nodes(tree))
    )


def _facts(database: Database) -> Facts:
    functions = database.rows("SELECT DISTINCT lower(name) FROM system.functions")
    columns = database.rows(
        "SELECT table, name FROM system.columns WHERE database = 'system' AND table IN {tables:Array(String)}",
        parameters={"tables": list(CATALOGUE)},
    )
    return Facts(
        readable=row_filters.readable(database),
        functions=frozenset(name for (name,) in functions),
        hidden=frozenset(name for table, name in columns if name not in CATALOGUE[table]),
    )
