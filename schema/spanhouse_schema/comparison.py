"""Rows that are stored, compared with rows that should be: all columns of all of them, in ClickHouse, as sets.

What differs stays in a table of the session, `differing`: under the mark of its comparison, a key and its trace.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

from spanhouse_schema.database import Session

EXAMPLES = 5
"""So many rows that differ are shown, of each comparison."""
_DIFFERING = "Mark String, Key UInt64, TenantId String, TraceId String"
# When a row was written, and which raw rows were counted into it when it was: neither is a figure.
_NEVER_COMPARED = frozenset({"Version", "version", "IsDeleted", "is_deleted", "Fingerprint", "TouchedAt"})
_COLUMNS = """
    SELECT name, type, is_in_sorting_key
    FROM system.columns
    WHERE database = 'spanhouse' AND table = {table:String} AND default_kind IN ('', 'DEFAULT')
    ORDER BY position
"""


class Difference(NamedTuple):
    """One row that is not as it should be: `key` names it, `columns` has what is stored and what was recomputed."""

    table: str
    # different, missing, not right (it should not be there)
    what: str
    key: dict[str, str]
    columns: dict[str, tuple[str | None, str | None]]


class Found(NamedTuple):
    """What became of a comparison: how many rows should be there, how many differ, and some of these."""

    table: str
    rows: int
    different: int
    examples: list[Difference]


class Shape(NamedTuple):
    """The columns of a table that are compared, with their types, and those that name a row."""

    table: str
    columns: dict[str, str]
    key: tuple[str, ...]

    @classmethod
    def of(cls, session: Session, table: str, key: Iterable[str] = (), without: Iterable[str] = ()) -> Self:
        """The shape of a table; its key is its sorting key unless it is given. Raises `DatabaseError`."""
        rows = session.rows(_COLUMNS, {"table": table})
        left_out = _NEVER_COMPARED.union(without)
        columns = {name: kind for name, kind, _ in rows if name not in left_out}
        sorting = tuple(name for name, _, is_key in rows if int(is_key) and name not in left_out)
        return cls(table, columns, tuple(key) or sorting)

    @property
    def key_hash(self) -> str:
        """A number that stands for a row's key."""
        return f"cityHash64({', '.join(self.key)})"

    @property
    def row_hash(self) -> str:
        """A number that stands for everything in a row."""
        # A hash of NULL is NULL.
        return f"cityHash64({', '.join(f'ifNull(cityHash64({name}), 1)' for name in self.columns)})"

    @property
    def day(self) -> str:
        """The column that says on which day a row counts; '' where there is none."""
        return next((name for name in self.key if name in {"date", "Day"}), "")

    def typed(self, select: str) -> str:
        """What `select` selects, in the columns and types of the table."""
        casts = ", ".join(f"CAST({name}, '{_quoted(kind)}') AS {name}" for name, kind in self.columns.items())
        return f"SELECT {casts} FROM ({select})"

    def hashes(self, wanted: str, stored: str) -> str:
        """Each row of both, as numbers: `Key`, `Hash`, and `Side`, 1 for those that are wanted."""
        trace = "toString(TraceId)" if "TraceId" in self.columns else "''"
        columns = f"{self.key_hash} AS Key, {self.row_hash} AS Hash, toString({self.key[0]}) AS Tenant, {trace} AS Trace"
        return f"SELECT {columns}, 1 AS Side FROM ({wanted}) UNION ALL SELECT {columns}, 0 AS Side FROM ({stored})"


def compare(session: Session, shape: Shape, wanted: str, stored: str, mark: str, among: str = "") -> Found:
    """Compare the rows of two SELECTs of a shape's columns.

    With `among`, only keys count that differed in comparisons whose marks begin so. Raises `DatabaseError`.
    """
    parameters = {"mark": mark, "among": among}
    suspects = "WHERE Key IN (SELECT Key FROM differing WHERE startsWith(Mark, {among:String}))" if among else ""
    session.command(f"CREATE TEMPORARY TABLE IF NOT EXISTS differing ({_DIFFERING}) ENGINE = MergeTree ORDER BY Mark")
    session.command(
        "INSERT INTO differing SELECT {mark:String}, Key, any(Tenant), any(Trace) "
        f"FROM ({shape.hashes(wanted, stored)}) {suspects} GROUP BY Key, Hash HAVING min(Side) = max(Side)",
        parameters,
    )
    ((different,),) = session.rows("SELECT uniqExact(Key) FROM differing WHERE Mark = {mark:String}", parameters)
    ((rows,),) = session.rows(f"SELECT count() FROM ({wanted})")
    examples = _examples(session, shape, wanted, stored, mark) if int(different) else []
    return Found(shape.table, int(rows), int(different), examples)


def _examples(session: Session, shape: Shape, wanted: str, stored: str, mark: str) -> list[Difference]:
    some = f"SELECT DISTINCT Key FROM differing WHERE Mark = {{mark:String}} ORDER BY Key LIMIT {EXAMPLES}"
    texts = ", ".join(f"toValidUTF8(toString({name}))" for name in shape.columns)
    select = (
        f"SELECT DISTINCT toString({shape.key_hash}), toString({shape.row_hash}), {texts} FROM ({{rows}}) "
        f"WHERE {shape.key_hash} IN ({some}) LIMIT {EXAMPLES * 10}"
    )
    is_, should = (
        _by_key(shape, session.rows(select.replace("{rows}", rows), {"mark": mark})) for rows in (stored, wanted)
    )
    return [
        _difference(shape, is_.get(key, {}), should.get(key, {})) for key in sorted(is_.keys() | should.keys())
    ]


_Rows = dict[str, dict[str, str | None]]


def _by_key(shape: Shape, rows: list[list[Any]]) -> dict[str, _Rows]:
    found: dict[str, _Rows] = {}
    for key, row_hash, *texts in rows:
        found.setdefault(key, {})[row_hash] = dict(zip(shape.columns, texts, strict=True))
    return found


def _difference(shape: Shape, stored: _Rows, wanted: _Rows) -> Difference:
    is_ = next((row for row_hash, row in stored.items() if row_hash not in wanted), None)
    should = next((row for row_hash, row in wanted.items() if row_hash not in stored), None)
    row = is_ or should or {}
    key = {name: str(row.get(name)) for name in shape.key}
    if is_ is None or should is None:
        return Difference(shape.table, "missing" if is_ is None else "not right", key, {})
    columns = {name: (is_[name], should[name]) for name in shape.columns if is_[name] != should[name]}
    return Difference(shape.table, "different", key, columns)


def _quoted(kind: str) -> str:
    return kind.replace("\\", "\\\\").replace("'", "\\'")
