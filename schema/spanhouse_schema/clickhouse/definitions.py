"""Functions, materialized views and views: they follow their files, without a revision.

ClickHouse inlines a function into each view that calls it, when the view is made. So the hash of a definition is one of
its text and of the hashes of all that it uses. A definition whose hash is not the recorded one is made again.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from graphlib import TopologicalSorter
from hashlib import sha256
from typing import NamedTuple

from spanhouse_schema.clickhouse import migration_lock, sql_files
from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.errors import StatementFailed
from spanhouse_schema.quoting import literal

# By folder of `sql/`.
_KINDS = {"functions": "function", "materialized_views": "materialized_view", "views": "view"}
_NAME = re.compile(
    r"^CREATE (?:OR REPLACE )?(?:FUNCTION|(?:MATERIALIZED )?VIEW)(?: IF NOT EXISTS)? (?:spanhouse\.)?(\w+)"
)
_USED = re.compile(r"\bspanhouse\.(\w+)|\b(\w+)\(")
_UNKNOWN_TABLE = 60
# Instead of a hash, while a definition is being changed: if that is broken off, nobody knows what stands there.
_CHANGING = "changing"
# One that somebody dropped is made again, as if it had never been there.
_RECORDED = """
    SELECT kind, name, hash
    FROM spanhouse.definitions FINAL
    WHERE notEmpty(hash)
        AND (kind = 'function' OR name IN (SELECT name FROM system.tables WHERE database = 'spanhouse'))
"""
_EXISTING = "SELECT name FROM system.tables WHERE database = 'spanhouse' AND engine = 'MaterializedView'"


class Definition(NamedTuple):
    """A function or a view, and the statement that makes it; `hash` is '' of one that is not ours any more."""

    # One of the values of _KINDS.
    kind: str
    name: str
    statement: str = ""
    hash: str = ""

    def applied(self, existing: Iterable[str]) -> str:
        """Return the statement that makes it what it is, where these materialized views exist.

        Those are changed, not dropped and made: rows that came in between would be missing in what they write.
        """
        if self.kind == "materialized_view" and self.name in existing:
            _, _, select = self.statement.partition(" AS\n")
            return f"ALTER TABLE spanhouse.{self.name} MODIFY QUERY {select}"
        return self.statement

    def dropped(self) -> str:
        """Return the statement that drops it."""
        return f"DROP {'FUNCTION' if self.kind == 'function' else 'VIEW'} IF EXISTS {self._qualified}"

    @property
    def _qualified(self) -> str:
        return self.name if self.kind == "function" else f"spanhouse.{self.name}"


def apply(database: Database, *, timezone: str, default_budget_usd: Decimal) -> list[str]:
    """Make every definition what its file says, and return the names of those that were not.

    Days begin in `timezone`; a tenant without a limit may spend `default_budget_usd` a day. Idempotent, and safe beside
    another process that does the same. Raises `DatabaseError`.
    """
    wanted = _load(_values(timezone, default_budget_usd))
    if not _changes(database, wanted):
        return []
    with migration_lock.held(database):
        # Another process may have done it meanwhile.
        changes = _changes(database, wanted)
        if changes:
            _make(database, changes)
    return [change.name for change in changes]


def drop(database: Database) -> None:
    """Drop every definition, of whatever version. Raises `DatabaseError`."""
    gone = [Definition(kind, name) for kind, name, _ in _recorded(database)]
    for definition in (*gone, *reversed(_load(_values("UTC", Decimal(0))))):
        database.command(definition.dropped())


def sql(*, timezone: str, default_budget_usd: Decimal) -> str:
    """Return what `apply` runs in a database without any, as text."""
    wanted = _load(_values(timezone, default_budget_usd))
    return _text([*(definition.statement for definition in wanted), _record(wanted)])


def drop_sql() -> str:
    """Return what `drop` runs, as text."""
    return _text([definition.dropped() for definition in reversed(_load(_values("UTC", Decimal(0))))])


def _make(database: Database, changes: list[Definition]) -> None:
    existing = {name for (name,) in database.rows(_EXISTING)}
    database.command(_record(change._replace(hash=_CHANGING) for change in changes))
    for change in changes:
        database.command(change.applied(existing) if change.hash else change.dropped())
    database.command(_record(changes))


def _changes(database: Database, wanted: list[Definition]) -> list[Definition]:
    """Return what is to be dropped, and then what is to be made, in the order in which that works."""
    recorded = {(kind, name): hash_ for kind, name, hash_ in _recorded(database)}
    ours = {(definition.kind, definition.name) for definition in wanted}
    gone = [Definition(kind, name) for kind, name in recorded if (kind, name) not in ours]
    return gone + [each for each in wanted if recorded.get((each.kind, each.name)) != each.hash]


def _recorded(database: Database) -> list[tuple[str, str, str]]:
    try:
        return [(kind, name, hash_) for kind, name, hash_ in database.rows(_RECORDED)]
    except StatementFailed as error:
        if error.code == _UNKNOWN_TABLE:
            return []
        raise


def _record(changes: Iterable[Definition]) -> str:
    rows = ", ".join(
        f"({literal(each.kind)}, {literal(each.name)}, {literal(each.hash)}, now64(6))" for each in changes
    )
    return f"INSERT INTO spanhouse.definitions (kind, name, hash, applied_at) VALUES {rows}"


def _values(timezone: str, default_budget_usd: Decimal) -> dict[str, str]:
    # A string, as a number with a point would be read as a Float64 first.
    return {"{timezone:String}": literal(timezone), "{default_budget_usd}": literal(f"{default_budget_usd:f}")}


def _load(values: Mapping[str, str]) -> list[Definition]:
    """Return every definition: functions, materialized views, views, and with what each uses before it."""
    found = {each.name: each for folder, kind in _KINDS.items() for each in _read(folder, kind, values)}
    uses = {name: _used(each.statement) & found.keys() - {name} for name, each in found.items()}
    hashes: dict[str, str] = {}
    for name in TopologicalSorter(uses).static_order():
        text = sql_files.bare(found[name].statement) + "".join(hashes[used] for used in sorted(uses[name]))
        hashes[name] = sha256(text.encode()).hexdigest()
    ordered = [found[name]._replace(hash=hash_) for name, hash_ in hashes.items()]
    return sorted(ordered, key=lambda definition: list(_KINDS.values()).index(definition.kind))


def _read(folder: str, kind: str, values: Mapping[str, str]) -> Iterable[Definition]:
    for file in sql_files.names(folder):
        for statement in sql_files.statements(file):
            head = _NAME.match(sql_files.without_comments(statement).lstrip())
            assert head, f"sql/{file}.sql makes a {kind}"
            yield Definition(kind, head[1], _filled(statement, values))


def _filled(statement: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        statement = statement.replace(name, value)
    return statement


def _used(statement: str) -> set[str]:
    return {name for pair in _USED.findall(sql_files.without_comments(statement)) for name in pair if name}


def _text(statements: Iterable[str]) -> str:
    return "".join(f"{statement};\n\n" for statement in statements)
