"""What the materialized views read out of raw rows, row by row: which table, by which views, from where.

A view reads a row once, when it is inserted. What it would make of the rows that are there now is compared with what
stands there, and put in its place.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from spanhouse_schema import ddl
from spanhouse_schema.comparison import Found, Shape, compare
from spanhouse_schema.database import Session

# Rows are compared by the sums of so many groups first: where those agree, nothing else is looked at.
_GROUPS = 65_536
# Rows of groups that differ which are looked at together: about 100 bytes of memory each.
_MOST_ROWS = 2_000_000


class Reading(NamedTuple):
    """A table and the views that write it, from the one that reads `source` on."""

    table: str
    source: str
    views: tuple[str, ...]
    # What names a row, the tenant first; never what a view may read otherwise one day.
    key: tuple[str, ...]
    # Of the table's rows, those that come this way.
    where: str = "true"

    def select(self, source: str) -> str:
        """What the views make of the rows of `source`, a table or a query in brackets."""
        for view in self.views:
            source, places = re.subn(r"FROM spanhouse\.\w+", lambda _, of=source: f"FROM {of}", ddl.selected(view))  # type: ignore[misc]  # mypy does not infer a lambda's default
            if places != 1:
                raise ValueError(f"{view} reads {places} tables where one was expected")
            source = f"({source})"
        return source


READINGS = (
    Reading("agent_spans", "otel_traces", ("agent_spans_mv",), ("TenantId", "TraceId", "SpanId")),
    Reading("response_ids", "agent_spans", ("response_ids_mv",), ("TenantId", "TraceId", "SpanId")),
    Reading(
        "execution_events", "otel_logs", ("otlp_events_mv", "execution_events_mv"), ("TenantId", "EventId", "TraceId")
    ),
    Reading(
        "record_statements",
        "otel_traces",
        ("record_spans_mv", "record_statements_mv"),
        ("TenantId", "TraceId", "SpanId", "About"),
        "EventName = ''",
    ),
    Reading(
        "record_statements",
        "execution_events",
        ("record_events_mv",),
        ("TenantId", "Id", "TraceId", "About"),
        "EventName != ''",
    ),
)
"""In an order in which each is right once those before it are."""


CYCLES = Reading("agent_cycles", "record_statements", ("agent_cycles_mv",), ("TenantId", "SessionId"))


class Piece(NamedTuple):
    """The rows of a reading that came on one day, and after a moment (Unix milliseconds); of a tenant, of some traces."""

    reading: Reading
    day: str
    since_ms: int
    tenant: str = ""
    # Only of the traces in the session's table `chosen`.
    chosen: bool = False

    def sides(self, shape: Shape) -> tuple[str, str]:
        """What should stand there, and what does, as SELECTs."""
        source = f"(SELECT * FROM spanhouse.{self.reading.source} WHERE {self._came})"
        stored = f"SELECT {', '.join(shape.columns)} FROM spanhouse.{self.reading.table}"
        return (
            f"SELECT * FROM ({shape.typed(self.reading.select(source))}) WHERE {self._of_whom(shape)}",
            f"{stored} WHERE {self._came} AND {self.reading.where} AND {self._of_whom(shape)}",
        )

    @property
    def _came(self) -> str:
        since = f"IngestedAt >= fromUnixTimestamp64Milli({self.since_ms})"
        return f"toDate(IngestedAt) = '{self.day}' AND {since}"

    def _of_whom(self, shape: Shape) -> str:
        trace = "if(notEmpty(TraceId), TraceId, ExecutionId)" if "ExecutionId" in shape.columns else "TraceId"
        chosen = f"(TenantId, {trace}) IN (SELECT TenantId, TraceId FROM chosen)" if self.chosen else "true"
        tenant = f"TenantId = unhex('{self.tenant.encode().hex()}')" if self.tenant else "true"
        return f"{tenant} AND {chosen}"


def pieces(session: Session, since_ms: int, tenant: str = "", *, chosen: bool = False) -> Iterator[Piece]:
    """Everything that views have read and that came after a moment (Unix milliseconds). Raises `DatabaseError`."""
    for reading in READINGS:
        days = " UNION DISTINCT ".join(
            f"SELECT toDate(IngestedAt) AS Day FROM spanhouse.{table}" for table in (reading.source, reading.table)
        )
        since = f"fromUnixTimestamp64Milli({since_ms})"
        for (day,) in session.rows(f"SELECT DISTINCT toString(Day) FROM ({days}) WHERE Day >= toDate({since}) ORDER BY 1"):
            yield Piece(reading, day, since_ms, tenant, chosen)


def shape_of(session: Session, reading: Reading) -> Shape:
    """The columns that are compared. Raises `DatabaseError`."""
    return Shape.of(session, reading.table, reading.key)


def compare_piece(session: Session, piece: Piece, mark: str, among: str = "") -> Found:
    """Compare what stands there with what the views would make of the raw rows now; `mark` and `among` as in `compare`.

    Raises `DatabaseError`.
    """
    shape = shape_of(session, piece.reading)
    wanted, stored = piece.sides(shape)
    rows = sum_groups(session, shape, wanted, stored)
    return summed(compare_groups(session, shape, wanted, stored, mark, among), shape.table, rows)


def compare_cycles(session: Session, tenant: str, mark: str, among: str = "") -> Found:
    """Compare agent_cycles, which a view adds up, with what it makes of all statements. Raises `DatabaseError`."""
    shape = Shape.of(session, "agent_cycles")
    least = ", ".join(name if name in shape.key else f"min({name}) AS {name}" for name in shape.columns)
    of = f"TenantId = unhex('{tenant.encode().hex()}')" if tenant else "true"
    statements = "(SELECT DISTINCT * FROM spanhouse.record_statements WHERE About = 'session')"
    wanted = shape.typed(CYCLES.select(statements))
    stored = f"SELECT {least} FROM spanhouse.agent_cycles GROUP BY {', '.join(shape.key)}"
    sides = (f"SELECT * FROM ({select}) WHERE {of}" for select in (wanted, stored))
    return compare(session, shape, *sides, mark, among)


def compare_groups(
    session: Session, shape: Shape, wanted: str, stored: str, mark: str, among: str = ""
) -> Iterator[Found]:
    """Compare the rows of the groups that `sum_groups` found to differ, some at a time. Raises `DatabaseError`."""
    for number, batch in enumerate(batches(session, shape)):
        some = (f"SELECT * FROM ({select}) WHERE {batch}" for select in (wanted, stored))
        yield compare(session, shape, *some, f"{mark}{number}", among)


def summed(found: Iterable[Found], table: str, rows: int) -> Found:
    """What several comparisons found in a table of so many rows."""
    found = list(found)
    examples = [example for each in found for example in each.examples]
    return Found(table, rows, sum(each.different for each in found), examples)


def sum_groups(session: Session, shape: Shape, wanted: str, stored: str) -> int:
    """Find the groups of rows that differ, for `batches`; return how many rows there should be."""
    session.command(
        "CREATE TEMPORARY TABLE IF NOT EXISTS differing_groups (Group UInt32, Rows UInt64, Differs UInt8)"
    )
    session.command("TRUNCATE TABLE differing_groups")
    session.command(
        f"INSERT INTO differing_groups SELECT Key % {_GROUPS} AS Group, countIf(Side) AS Wanted, "
        # Replays stand there as often as their raw rows do: sums see that these are the same without remembering any.
        f"sumIf(Hash, Side) != sumIf(Hash, NOT Side) OR Wanted != count() - Wanted "
        f"FROM ({shape.hashes(wanted, stored)}) GROUP BY Group"
    )
    ((rows,),) = session.rows("SELECT sum(Rows) FROM differing_groups")
    return int(rows)


def batches(session: Session, shape: Shape) -> Iterator[str]:
    """Conditions on a row, which together let the rows of all groups pass that differ, each few enough of them."""
    last = -1
    while True:
        rows = session.rows(
            "SELECT max(Group) FROM (SELECT Group, sum(Rows) OVER (ORDER BY Group) - Rows AS Before "
            f"FROM differing_groups WHERE Differs AND Group > {last}) WHERE Before < {_MOST_ROWS} HAVING count()"
        )
        if not rows:
            return
        first, last = last, int(rows[0][0])
        yield (
            f"{shape.key_hash} % {_GROUPS} IN "
            f"(SELECT Group FROM differing_groups WHERE Differs AND Group > {first} AND Group <= {last})"
        )
