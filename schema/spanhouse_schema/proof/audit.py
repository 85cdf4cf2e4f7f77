"""The audit: every derived number compared with what it comes to when it is recomputed. It writes nothing.

In four steps from raw rows on, each of which takes the one before as given: what views read out of these; what the
settling makes of that, trace by trace; the copies of it in another order; what is counted by day. While a pipeline
runs, something is always not settled yet: what differs is looked at again for a while, and only what differed in every
look is reported.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import NamedTuple, Self

import polars as pl

from spanhouse_schema.clickhouse import retention, sql_files
from spanhouse_schema.clickhouse.database import Database, Session
from spanhouse_schema.derive import daily_sums, frames, participants
from spanhouse_schema.derive.ledger import Sessions
from spanhouse_schema.derive.settlement import Settlement
from spanhouse_schema.derive.settling import Settling
from spanhouse_schema.derive.stretch import Forced
from spanhouse_schema.errors import RawRowsGone
from spanhouse_schema.proof import stretch_diff, view_rows
from spanhouse_schema.proof.diff import Found, Shape, Sides, compare, compare_groups, prepare, summed
from spanhouse_schema.proof.sharing import Sharing
from spanhouse_schema.proof.side_by_side import in_order

PATIENCE_S = 90.0
"""For how long a running pipeline is given to settle what differs: a sweep of the settler, and half of one."""
_LOOK_EVERY_S = 3.0
# What a pipeline wrote so long ago it is done with. In seconds.
_QUIET_S = 900
COPIES = {"agent_executions_by_agent": "agent_executions"}
"""Tables that hold the rows of another one, in another order."""
_IS_BUSY = """
    SELECT greatest((SELECT max(At) FROM spanhouse.touched_traces), (SELECT max(At) FROM spanhouse.listed_executions))
        > now64(3) - {quiet:UInt32}
"""


class Selection(NamedTuple):
    """What to look at: all, or what is of a tenant, of a day (an ISO date) or of a trace. '' leaves that open."""

    tenant: str = ""
    day: str = ""
    trace: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """As parameters of statements: tenant and trace in hex, because they may be called anything."""
        return {"tenant": self.tenant.encode().hex(), "day": self.day, "trace": self.trace.encode().hex()}

    @property
    def is_narrow(self) -> bool:
        """Whether it is about some traces, not all of them."""
        return bool(self.day or self.trace)


EVERYTHING = Selection()
"""All days and traces of everybody."""


class Report(NamedTuple):
    """What an audit found, by table; and how many traces it left out, because their raw rows may have gone."""

    found: list[Found]
    left_out: int

    @property
    def is_clean(self) -> bool:
        """Whether everything is as it should be."""
        return not any(each.different for each in self.found)


class Raw(NamedTuple):
    """Since when raw rows can be read again, and since when traces are whole: in Unix milliseconds."""

    readable_since_ms: int
    whole_since_ms: int

    @classmethod
    def of(cls, session: Session) -> Self:
        """What the database holds now. Raises `DatabaseError`."""
        return cls(retention.readable_since_ms(session), retention.whole_since_ms(session))


# One step of an audit: compares some tables. With marks, and among keys, as in `comparison.compare`.
_Check = Callable[[str, str], list[Found]]
Show = Callable[[str, int], None]
"""Is told what is being done, and how many of it are."""


def audit(
    database: Database, selection: Selection = EVERYTHING, *, patience_s: float = 0.0, show: Show = lambda *_: None
) -> Report:
    """Compare everything in a selection with a recomputation.

    For at most `patience_s` a pipeline that is busy is waited for. Raises `DatabaseError`.
    """
    with Settling(database) as settling, settling.another() as one, settling.another() as other:
        return _Audit(settling, (one, other), selection, database.timezone).run(patience_s, show)


def choose(settling: Settling, selection: Selection) -> None:
    """Choose the traces of a selection, for the settling's `stretches`. Raises `DatabaseError`."""
    (select,) = sql_files.statements("proof/choose")
    # A table that is in the order of its traces is counted without remembering them.
    settling.choose(f"{select} SETTINGS optimize_aggregation_in_order = 1", selection.parameters)


def refuse(session: Session, selection: Selection, raw: Raw) -> int:
    """How many of the chosen traces are not to be recomputed, because their raw rows may have gone.

    Raises `RawRowsGone` where a day or a trace is asked for that has any; `DatabaseError`.
    """
    (select,) = sql_files.statements("proof/left_out")
    ((traces,),) = session.rows(select, {"whole_since": str(raw.whole_since_ms)})
    if int(traces) and selection.is_narrow:
        since = datetime.fromtimestamp(raw.whole_since_ms / 1000, UTC)
        raise RawRowsGone(
            f"raw rows are whole since {since:%F %T} UTC, and {_named(selection)} has {traces} traces that came "
            "before: what stands there cannot be recomputed any more, and stays"
        )
    return int(traces)


def is_busy(session: Session) -> bool:
    """Whether a pipeline has inserted or settled lately. Raises `DatabaseError`."""
    ((busy,),) = session.rows(_IS_BUSY, {"quiet": str(_QUIET_S)})
    return bool(busy)


def _compare_rows(session: Session, table: str, rows: pl.DataFrame, where: str, marks: tuple[str, str]) -> Found:
    wanted = f"wanted_{table}"
    session.command(f"CREATE TEMPORARY TABLE IF NOT EXISTS {wanted} ENGINE = Memory AS spanhouse.{table}")
    frames.refill(session, wanted, rows)
    shape = Shape.of(session, table, stretch_diff.KEYS[table])
    columns = ", ".join(shape.columns)
    sides = Sides(f"SELECT {columns} FROM {wanted}", f"SELECT {columns} FROM spanhouse.{table} FINAL WHERE {where}")
    found = compare(session, shape, sides, *(each and f"{each}{table}/" for each in marks))
    session.command(f"TRUNCATE TABLE {wanted}")
    return found


class _Piece(NamedTuple):
    """Chosen traces that are looked at at once, the first and last id in hex; `sharing` is as in `Forced`."""

    first: str
    last: str
    traces: pl.DataFrame
    sharing: pl.DataFrame | None


class _Audit:
    def __init__(self, settling: Settling, workers: tuple[Settling, ...], selection: Selection, timezone: str) -> None:
        self._settling = settling
        self._workers = workers
        self._session = settling.session
        self._selection = selection
        self._timezone = timezone
        self._raw = Raw.of(self._session)
        prepare(self._session)

    def run(self, patience_s: float, show: Show) -> Report:
        choose(self._settling, self._selection)
        left_out = refuse(self._session, self._selection, self._raw)
        checks = list(self._checks())
        found = []
        for step, check in enumerate(checks):
            show("steps", step + 1)
            found.append(check(f"0/{step}/", ""))
        deadline, look = time.monotonic() + patience_s, 1
        while _differ(found) and time.monotonic() < deadline and is_busy(self._session):
            time.sleep(_LOOK_EVERY_S)
            for step in _differ(found):
                found[step] = _judged(checks[step](f"{look}/{step}/", f"{look - 1}/{step}/"), found[step])
            look += 1
        return Report(_by_table(found), left_out)

    def _checks(self) -> Iterator[_Check]:
        session, selection = self._session, self._selection
        for piece in view_rows.pieces(
            session, self._raw.readable_since_ms, selection.tenant, chosen=selection.is_narrow
        ):
            yield partial(self._check_reading, piece)
        if not selection.is_narrow:
            yield self._check_cycles
            yield self._check_sessions
        yield from self._stretches()
        yield self._check_copies
        if not selection.trace:
            for where in daily_sums.days(session, selection.tenant, selection.day):
                yield partial(self._check_days, where)

    def _check_reading(self, piece: view_rows.Piece, mark: str, among: str) -> list[Found]:
        return [view_rows.compare_piece(self._session, piece, mark, among)]

    def _check_cycles(self, mark: str, among: str) -> list[Found]:
        return [view_rows.compare_cycles(self._session, self._selection.tenant, mark, among)]

    def _stretches(self) -> Iterator[_Check]:
        """A step for each stretch; those in which nothing differs were looked at before, side by side."""
        with closing(in_order(self._workers, self._look, self._pieces())) as looked:
            for (first, last, *_), clean in looked:
                yield partial(_known, clean) if clean else partial(self._check_stretch, first, last)

    def _pieces(self) -> Iterator[_Piece]:
        # One trace is looked up sooner than all.
        sharing = None if self._selection.trace else Sharing(self._session, self._selection.tenant)
        for first, last, _ in self._settling.stretches():
            among = sharing.between(first, last) if sharing else None
            yield _Piece(first, last, self._settling.chosen(first, last), among)

    def _look(self, settling: Settling, piece: _Piece) -> list[Found]:
        """Compare a stretch, and return what was found where nothing differs."""
        settlement = self._derived(settling, piece.traces, piece.sharing)
        return _clean(settlement) if _wrong(settling.session, settlement).is_empty() else []

    def _check_stretch(self, first: str, last: str, mark: str, among: str) -> list[Found]:
        settlement = self._derived(self._settling, self._settling.chosen(first, last))
        wrong = _wrong(self._session, settlement)
        if wrong.is_empty():
            return _clean(settlement)
        frames.refill(self._session, "stretch", wrong)
        where = "(TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch)"
        in_all = {each.table: each.rows for each in _clean(settlement)}
        return [
            _compare_rows(self._session, table, rows, where, (mark, among))._replace(rows=in_all[table])
            for table, rows in stretch_diff.wanted(settlement.only(wrong).derived).items()
        ]

    def _derived(self, settling: Settling, traces: pl.DataFrame, sharing: pl.DataFrame | None = None) -> Settlement:
        return settling.derived(traces, Forced(self._raw.whole_since_ms, sharing=sharing), looks_up_prices=False)

    def _check_copies(self, mark: str, among: str) -> list[Found]:
        return [compare_copy(self._session, self._selection, copy, f"{mark}{copy}/", among) for copy in COPIES]

    def _check_sessions(self, mark: str, among: str) -> list[Found]:
        wanted = Sessions(tenant=self._selection.tenant).entries(self._session, self._timezone)
        rows, where = wanted.with_columns(Sign=pl.lit(1)), f"TraceId = '' AND {_of('TenantId', self._selection)}"
        return [_compare_rows(self._session, "daily_ledger", rows, where, (mark, among))]

    def _check_days(self, where: str, mark: str, among: str) -> list[Found]:
        compared = [daily_sums.Sums.of(self._session, table) for table in daily_sums.TABLES]
        found = [self._check_sums(sums, where, mark, among) for sums in compared]
        return [*found, self._check_participants(where, mark, among)]

    def _check_sums(self, sums: daily_sums.Sums, where: str, mark: str, among: str) -> Found:
        rows = sums.agreed(self._session, where) if sums.is_copy else None
        if rows is not None:
            return Found(sums.table, rows, 0, [])
        shape = Shape(sums.table, dict.fromkeys((*sums.key, *sums.added), ""), sums.key)
        sides = Sides(sums.recounted(where), sums.stored(where))
        return compare(self._session, shape, sides, f"{mark}{sums.table}/", among and f"{among}{sums.table}/")

    def _check_participants(self, where: str, mark: str, among: str) -> Found:
        shape = Shape("performance_sums", dict.fromkeys(participants.COLUMNS, ""), participants.KEY)
        sides = Sides(participants.recounted(where), participants.stored(where))
        return compare(self._session, shape, sides, f"{mark}participants/", among and f"{among}participants/")


def _wrong(session: Session, settlement: Settlement) -> pl.DataFrame:
    """Return the traces of which something is stored otherwise than it was derived."""
    return stretch_diff.traces_of(stretch_diff.differing(session, settlement).values())


def _clean(settlement: Settlement) -> list[Found]:
    """Return what is found where nothing differs."""
    return [Found(table, rows.height, 0, []) for table, rows in stretch_diff.wanted(settlement.derived).items()]


def _known(found: list[Found], *_: str) -> list[Found]:
    """Return what was found already."""
    return found


def compare_copy(session: Session, selection: Selection, copy: str, mark: str, among: str = "") -> Found:
    """Compare a copy of a table in another order with that table. Raises `DatabaseError`."""
    shape = Shape.of(session, copy)
    columns = ", ".join(shape.columns)
    sides = Sides(*(f"SELECT {columns} FROM spanhouse.{table} FINAL" for table in (COPIES[copy], copy)))
    chosen = "(TenantId, TraceId) IN (SELECT TenantId, TraceId FROM chosen)" if selection.is_narrow else "true"
    return compare_groups(session, shape, sides.where(f"{_of('TenantId', selection)} AND {chosen}"), mark, among)


def _of(column: str, selection: Selection) -> str:
    """A condition on a row: whether its tenant is the selection's."""
    return f"{column} = unhex('{selection.tenant.encode().hex()}')" if selection.tenant else "true"


def _named(selection: Selection) -> str:
    return f"day {selection.day}" if selection.day else f"trace {selection.trace}"


def _differ(found: list[list[Found]]) -> list[int]:
    return [step for step, founds in enumerate(found) if any(each.different for each in founds)]


def _judged(again: list[Found], before: list[Found]) -> list[Found]:
    """What was found once more, of as many rows as at first: a second look compares few of them."""
    return [look._replace(rows=first.rows) for look, first in zip(again, before, strict=True)]


def _by_table(found: list[list[Found]]) -> list[Found]:
    tables: dict[str, list[Found]] = {}
    for each in chain.from_iterable(found):
        tables.setdefault(each.table, []).append(each)
    return [summed(founds, table, sum(each.rows for each in founds)) for table, founds in tables.items()]
