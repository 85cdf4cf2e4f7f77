"""Rows that are stored, compared with rows that should be: all columns of all of them, in ClickHouse, as sets.

What differs stays in a table of the session, `differing`: under the mark of its comparison, a key and its trace.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Self

from spanhouse_schema.clickhouse.database import Session

# So many rows that differ are shown, of each comparison.
_EXAMPLES = 5
# Rows are compared by the sums of so many groups first: where those agree, nothing else is looked at.
_GROUPS = 65_536
# Rows of groups that differ which are looked at together: about 100 bytes of memory each.
_MOST_ROWS = 2_000_000
# As many as are named in one statement.
_MOST_GROUPS = 20_000
_DIFFERING = "Mark String, Key UInt64, TenantId String, TraceId String"
_DIFFERING_GROUPS = "Group UInt32, Wanted UInt64, Stored UInt64, Differs UInt8"
# When a row was written, and which raw rows were counted into it when it was: neither is a figure.
_NEVER_COMPARED = frozenset({"Version", "version", "IsDeleted", "Fingerprint", "TouchedAt"})
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


class Sides(NamedTuple):
    """What should be stored and what is, as SELECTs of the columns that are compared."""

    wanted: str
    stored: str

    def where(self, condition: str) -> Self:
        """The rows of both that meet a condition."""
        return type(self)(*(f"SELECT * FROM ({select}) WHERE {condition}" for select in self))


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

    def typed(self, select: str) -> str:
        """What `select` selects, in the columns and types of the table."""
        casts = ", ".join(f"CAST({name}, '{_quoted(kind)}') AS {name}" for name, kind in self.columns.items())
        return f"SELECT {casts} FROM ({select})"

    def hashes(self, sides: Sides) -> str:
        """Each row of both, as numbers: `Key`, `Hash`, and `Side`, 1 for those that are wanted."""
        trace = "toString(TraceId)" if "TraceId" in self.columns else "''"
        columns = (
            f"{self.key_hash} AS Key, {self.row_hash} AS Hash, toString({self.key[0]}) AS Tenant, {trace} AS Trace"
        )
        wanted = f"SELECT {columns}, 1 AS Side FROM ({sides.wanted})"
        return f"{wanted} UNION ALL SELECT {columns}, 0 AS Side FROM ({sides.stored})"


def prepare(session: Session) -> None:
    """Make the table `differing`, on disk: everything may differ. Raises `DatabaseError`."""
    session.command("DROP TEMPORARY TABLE IF EXISTS differing")
    session.command(f"CREATE TEMPORARY TABLE differing ({_DIFFERING}) ENGINE = MergeTree ORDER BY Mark")


def compare(session: Session, shape: Shape, sides: Sides, mark: str, among: str = "") -> Found:
    """Compare the rows of both sides.

    With `among`, only keys count that differed in comparisons whose marks begin so. Raises `DatabaseError`.
    """
    parameters = {"mark": mark, "among": among}
    suspects = "WHERE Key IN (SELECT Key FROM differing WHERE startsWith(Mark, {among:String}))" if among else ""
    session.command(
        "INSERT INTO differing SELECT {mark:String}, Key, any(Tenant), any(Trace) "
        f"FROM ({shape.hashes(sides)}) {suspects} GROUP BY Key, Hash HAVING min(Side) = max(Side)",
        parameters,
    )
    ((different,),) = session.rows("SELECT uniqExact(Key) FROM differing WHERE Mark = {mark:String}", parameters)
    ((rows,),) = session.rows(f"SELECT count() FROM ({sides.wanted})")
    examples = _examples(session, shape, sides, mark) if int(different) else []
    return Found(shape.table, int(rows), int(different), examples)


def compare_groups(session: Session, shape: Shape, sides: Sides, mark: str, among: str = "") -> Found:
    """Compare as `compare` does, however many rows there are, where few differ. Raises `DatabaseError`."""
    rows = sum_groups(session, shape, sides)
    found = [
        compare(session, shape, sides.where(batch), f"{mark}{number}/", among)
        for number, batch in enumerate(batches(session, shape))
    ]
    return summed(found, shape.table, rows)


def summed(found: Iterable[Found], table: str, rows: int) -> Found:
    """What several comparisons found in a table of so many rows."""
    found = list(found)
    examples = [example for each in found for example in each.examples]
    return Found(table, rows, sum(each.different for each in found), examples)


def sum_groups(session: Session, shape: Shape, sides: Sides) -> int:
    """Find the groups of rows that differ, for `batches`; return how many rows there should be.

    Raises `DatabaseError`.
    """
    session.command(f"CREATE TEMPORARY TABLE IF NOT EXISTS differing_groups ({_DIFFERING_GROUPS})")
    session.command("TRUNCATE TABLE differing_groups")
    session.command(
        f"INSERT INTO differing_groups SELECT Key % {_GROUPS} AS Group, countIf(Side), countIf(NOT Side), "
        # Replays stand there as often as their raw rows do: sums see that these are the same without remembering any.
        f"sumIf(Hash, Side) != sumIf(Hash, NOT Side) FROM ({shape.hashes(sides)}) GROUP BY Group"
    )
    ((rows,),) = session.rows("SELECT sum(Wanted) FROM differing_groups")
    return int(rows)


def batches(session: Session, shape: Shape) -> Iterator[str]:
    """Conditions on a row, which together let the rows of all groups pass that differ, each few enough of them.

    Raises `DatabaseError`.
    """
    last = -1
    while True:
        left = f"FROM differing_groups WHERE Differs AND Group > {last} ORDER BY Group LIMIT {_MOST_GROUPS}"
        so_far = f"SELECT Group, sum(greatest(Wanted, Stored)) OVER (ORDER BY Group) AS UpTo, Wanted, Stored {left}"
        # The first, at least.
        few = f"SELECT Group FROM ({so_far}) WHERE UpTo - greatest(Wanted, Stored) < {_MOST_ROWS} ORDER BY Group"
        groups = [int(group) for (group,) in session.rows(few)]
        if not groups:
            return
        last = groups[-1]
        # By name, as a DELETE sees no table of ours.
        yield f"{shape.key_hash} % {_GROUPS} IN ({', '.join(map(str, groups))})"


def _examples(session: Session, shape: Shape, sides: Sides, mark: str) -> list[Difference]:
    some = f"SELECT DISTINCT Key FROM differing WHERE Mark = {{mark:String}} ORDER BY Key LIMIT {_EXAMPLES}"
    texts = ", ".join(f"toValidUTF8(toString({name}))" for name in shape.columns)
    select = (
        f"SELECT DISTINCT toString({shape.key_hash}), toString({shape.row_hash}), {texts} FROM ({{rows}}) "
        f"WHERE {shape.key_hash} IN ({some}) LIMIT {_EXAMPLES * 10}"
    )
    is_, should = (
        _by_key(shape, session.rows(select.replace("{rows}", rows), {"mark": mark}))
        for rows in (sides.stored, sides.wanted)
    )
    return [_difference(shape, is_.get(key, {}), should.get(key, {})) for key in sorted(is_.keys() | should.keys())]


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
