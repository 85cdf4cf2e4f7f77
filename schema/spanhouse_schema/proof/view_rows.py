"""What the materialized views read out of raw rows, row by row: which table, by which views, from where.

A view reads a row once, when it is inserted. What it would make of the rows that are there now is compared with what
stands there, and put in its place.
"""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.proof.diff import Found, Shape, Sides, batches, compare, compare_groups, sum_groups

# Rows are written some at a time: one of agent_spans is about 1 KB in memory.
_BLOCK_ROWS = 65_536
# In one statement.
_MOST_NAMED = 5_000


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
            select = sql_files.selected(view)
            source, places = re.subn(r"FROM spanhouse\.\w+", lambda _, of=source: f"FROM {of}", select)  # type: ignore[misc]  # of is bound now
            if places != 1:
                raise ValueError(f"{view} reads {places} tables where one was expected")
            source = f"({source})"
        return source


READINGS = (
    Reading("agent_spans", "otel_traces", ("agent_spans_mv",), ("TenantId", "TraceId", "SpanId"), "NOT FromLog"),
    Reading(
        "agent_spans",
        "otel_logs",
        ("logged_calls_mv", "logged_spans_mv"),
        ("TenantId", "TraceId", "SpanId"),
        "FromLog",
    ),
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
    """The rows of a reading that came on a day and after a moment (Unix milliseconds); of a tenant, of some traces."""

    reading: Reading
    day: str
    since_ms: int
    tenant: str = ""
    # Only of the traces in the session's table `chosen`.
    chosen: bool = False

    def sides(self, shape: Shape) -> Sides:
        """What should stand there, and what does."""
        source = f"(SELECT * FROM spanhouse.{self.reading.source} WHERE {self._came})"
        stored = f"SELECT {', '.join(shape.columns)} FROM spanhouse.{self.reading.table} WHERE {self.condition}"
        return Sides(shape.typed(self.reading.select(source)), stored).where(self._of_whom(shape))

    @property
    def condition(self) -> str:
        """A condition on a row of the table: whether it came this way, on that day."""
        return f"{self._came} AND {self.reading.where}"

    @property
    def _came(self) -> str:
        since = f"IngestedAt >= fromUnixTimestamp64Milli({self.since_ms})"
        return f"toDate(IngestedAt) = '{self.day}' AND {since}"

    def _of_whom(self, shape: Shape) -> str:
        trace = "if(notEmpty(TraceId), TraceId, ExecutionId)" if "ExecutionId" in shape.columns else "TraceId"
        chosen = f"(TenantId, {trace}) IN (SELECT TenantId, TraceId FROM chosen)" if self.chosen else "true"
        return f"{_of(self.tenant)} AND {chosen}"


def pieces(session: Session, since_ms: int, tenant: str = "", *, chosen: bool = False) -> Iterator[Piece]:
    """Everything that views have read and that came after a moment (Unix milliseconds). Raises `DatabaseError`."""
    for reading in READINGS:
        days = " UNION DISTINCT ".join(
            f"SELECT toDate(IngestedAt) AS Day FROM spanhouse.{table}" for table in (reading.source, reading.table)
        )
        since = f"fromUnixTimestamp64Milli({since_ms})"
        for (day,) in session.rows(
            f"SELECT DISTINCT toString(Day) FROM ({days}) WHERE Day >= toDate({since}) ORDER BY 1"
        ):
            yield Piece(reading, day, since_ms, tenant, chosen)


def shape_of(session: Session, reading: Reading) -> Shape:
    """The columns that are compared. Raises `DatabaseError`."""
    return Shape.of(session, reading.table, reading.key)


def compare_piece(session: Session, piece: Piece, mark: str, among: str = "") -> Found:
    """Compare what stands there with what the views would make of the raw rows now; `mark` and `among` as in `compare`.

    Raises `DatabaseError`.
    """
    shape = shape_of(session, piece.reading)
    return compare_groups(session, shape, piece.sides(shape), mark, among)


def mend_piece(session: Session, piece: Piece, *, pause_s: float) -> int:
    """Put what the views make of the raw rows now in the place of what stands there; return how many rows differed.

    First come the new rows, then the others go: nobody sees a row missing. A pipeline that is inserting is given a
    pause, in seconds, to finish with what it began. Raises `DatabaseError`.
    """
    shape = shape_of(session, piece.reading)
    sum_groups(session, shape, piece.sides(shape))
    different = 0
    # A group holds rows of traces that were not chosen: it is mended as a whole.
    whole = piece._replace(chosen=False)
    for batch in batches(session, shape):
        session.command("TRUNCATE TABLE differing")
        sides, mark = whole.sides(shape).where(batch), "seen/"
        found = compare(session, shape, sides, mark)
        if found.different and pause_s:
            time.sleep(pause_s)
            mark = "seen again/"
            found = compare(session, shape, sides, mark, "seen/")
        if found.different:
            _add(session, shape, sides, mark)
            _take_away(session, shape, sides, f"{whole.condition} AND {batch}")
        different += found.different
    return different


def _add(session: Session, shape: Shape, sides: Sides, mark: str) -> None:
    columns = ", ".join(shape.columns)
    # On disk, because they may be many; and by themselves, because the INSERT would plan the views' SELECT once for
    # each view behind the table.
    session.command(
        f"CREATE TEMPORARY TABLE wanted ENGINE = MergeTree ORDER BY tuple() AS SELECT {columns} FROM ({sides.wanted}) "
        f"WHERE {shape.key_hash} IN (SELECT Key FROM differing WHERE Mark = {{mark:String}})",
        {"mark": mark},
    )
    session.command(
        f"INSERT INTO spanhouse.{shape.table} ({columns}) SELECT {columns} FROM wanted "
        f"WHERE {shape.row_hash} NOT IN (SELECT {shape.row_hash} FROM ({sides.stored})) "
        # Rows like some that were inserted lately, and deleted since, are no replay of these.
        f"SETTINGS insert_deduplicate = 0, min_insert_block_size_rows = {_BLOCK_ROWS}"
    )
    session.command("DROP TEMPORARY TABLE wanted")


def _take_away(session: Session, shape: Shape, sides: Sides, condition: str) -> None:
    unwanted = f"{shape.row_hash} NOT IN (SELECT {shape.row_hash} FROM ({sides.wanted}))"
    few = f"SELECT toString({shape.row_hash}) FROM ({sides.stored}) WHERE {unwanted} LIMIT {_MOST_NAMED + 1}"
    hashes = [row_hash for (row_hash,) in session.rows(few)]
    if not hashes:
        return
    # By name where they are few: a DELETE plans a subquery for seconds.
    which = f"{shape.row_hash} IN ({', '.join(hashes)})" if len(hashes) <= _MOST_NAMED else unwanted
    session.command(f"DELETE FROM spanhouse.{shape.table} WHERE {condition} AND {which}")


def compare_cycles(session: Session, tenant: str, mark: str, among: str = "") -> Found:
    """Compare agent_cycles, which a view adds up, with what it makes of all statements. Raises `DatabaseError`."""
    shape = Shape.of(session, CYCLES.table)
    least = ", ".join(name if name in shape.key else f"min({name}) AS {name}" for name in shape.columns)
    stored = f"SELECT {least} FROM spanhouse.{CYCLES.table} GROUP BY {', '.join(shape.key)}"
    return compare(session, shape, Sides(_cycles(shape), stored).where(_of(tenant)), mark, among)


def mend_cycles(session: Session, tenant: str) -> int:
    """Put what the view makes of all statements in the place of what it had added up; return how many rows differed.

    Raises `DatabaseError`.
    """
    session.command("TRUNCATE TABLE differing")
    found = compare_cycles(session, tenant, "seen/")
    if found.different:
        shape = Shape.of(session, CYCLES.table)
        columns = ", ".join(shape.columns)
        keys = session.rows("SELECT DISTINCT toString(Key) FROM differing")
        among = f"{_of(tenant)} AND {shape.key_hash} IN ({', '.join(key for (key,) in keys)})"
        # What is too little stays the least whatever is added: it has to go first.
        session.command(f"DELETE FROM spanhouse.{CYCLES.table} WHERE {among}")
        session.command(
            f"INSERT INTO spanhouse.{CYCLES.table} ({columns}, TouchedAt) SELECT {columns}, now64(3) "
            f"FROM ({_cycles(shape)}) WHERE {among} SETTINGS insert_deduplicate = 0"
        )
    return found.different


def _cycles(shape: Shape) -> str:
    return shape.typed(CYCLES.select(f"spanhouse.{CYCLES.source}"))


def _of(tenant: str) -> str:
    return f"TenantId = unhex('{tenant.encode().hex()}')" if tenant else "true"
