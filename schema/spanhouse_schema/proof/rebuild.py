"""The rebuild: what is derived is recomputed from raw rows and put in the place of what stands there.

It goes the audit's way, and writes where that finds a difference: first what views read, then the executions, calls and
entries of each trace, then the sums of days. So what is right already is not written, whatever was done half way is
found again, and a pipeline may run beside it.
"""

import ast
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, Self

import polars as pl

from spanhouse_schema.clickhouse import installation, sql_files
from spanhouse_schema.clickhouse.database import Database, Session
from spanhouse_schema.clickhouse.installation import Installation
from spanhouse_schema.conventions import part_rules
from spanhouse_schema.derive import daily_sums, frames, price_catalogue, rules
from spanhouse_schema.derive.ledger import Sessions
from spanhouse_schema.derive.settlement import Standing
from spanhouse_schema.derive.settling import Settling
from spanhouse_schema.derive.stretch import TRACE, Forced
from spanhouse_schema.proof import stretch_diff, view_rows
from spanhouse_schema.proof.audit import (
    COPIES,
    EVERYTHING,
    Raw,
    Selection,
    Show,
    choose,
    compare_copy,
    is_busy,
    refuse,
)
from spanhouse_schema.proof.diff import prepare
from spanhouse_schema.proof.sharing import Sharing
from spanhouse_schema.proof.side_by_side import in_order

PAUSE_S = 2.0
"""For an INSERT that has written raw rows to have them read by the views too."""
# Prices and code are what results depend on beside raw rows; of those that were begun before, none goes on.
_USERS_PRICES = """
    SELECT toString(groupBitXor(cityHash64(* APPLY (value -> ifNull(cityHash64(value), 1)))))
    FROM spanhouse.model_prices FINAL
    WHERE source = 'user'
"""
_MISPLACED = (
    "SELECT TenantId, TraceId FROM misplaced WHERE TraceId BETWEEN unhex({first:String}) AND unhex({last:String})"
)
_CHOSEN_OF = "SELECT TenantId, TraceId FROM chosen WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch)"
_COST = """
    SELECT toString(ifNull(sum(CostUSD), 0)), sum(UnpricedCalls)
    FROM spanhouse.agent_executions FINAL
    WHERE (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM stretch)
"""
_KEY = "TenantId = unhex({tenant:String}) AND Day = {day:String} AND TraceId = unhex({trace:String})"
_RULES = Path(rules.__file__).parent
_COUNTERS = "Traces, Changed, Priced, toString(UsdBefore), toString(UsdAfter)"


class Outcome(NamedTuple):
    """What a rebuild has done, and one that was broken off before it, but for what that did in its last seconds."""

    # Rows that the views read otherwise now.
    read_again: int = 0
    traces: int = 0
    # Executions that are others than before.
    changed: int = 0
    # Calls that had no price and have one, less those that have none any more.
    priced: int = 0
    usd_before: Decimal = Decimal(0)
    usd_after: Decimal = Decimal(0)
    # Traces that were left as they are, because their raw rows may have gone.
    left_out: int = 0
    # Whether an earlier one had begun it.
    resumed: bool = False

    @property
    def usd_moved(self) -> Decimal:
        """By how much it costs more than before, in USD."""
        return self.usd_after - self.usd_before

    def with_stretch(self, other: Self) -> Self:
        """Return what was done, that of a stretch counted in."""
        sums = ("traces", "changed", "priced", "usd_before", "usd_after")
        return self._replace(**{name: getattr(self, name) + getattr(other, name) for name in sums})


class _Piece(NamedTuple):
    """Chosen traces that are settled at once, the last id in hex; and those of them whose copies are not right.

    `sharing` is as in `Forced`.
    """

    last: str
    traces: pl.DataFrame
    misplaced: pl.DataFrame
    sharing: pl.DataFrame | None = None


def rebuild(
    database: Database, selection: Selection = EVERYTHING, *, pause_s: float = 0.0, show: Show = lambda *_: None
) -> Outcome:
    """Recompute everything in a selection.

    A rebuild of the same selection that was broken off in the last day is continued. A pipeline that is inserting is
    given `pause_s` seconds to have its rows read by the views, before they are taken for rows that were not. Prices of
    models are looked up anew where everything is recomputed. Raises `DatabaseError`, and `RawRowsGone` where a day or a
    trace is asked for whose raw rows may have gone.
    """
    if not selection.is_narrow:
        # Also what was looked up by an earlier version of ours, which read names otherwise.
        price_catalogue.sync(database)
    with Settling(database) as settling, settling.another() as one, settling.another() as other:
        return _Rebuild(settling, (one, other), selection, installation.read(database)).run(pause_s, show)


class _Rebuild:
    def __init__(
        self, settling: Settling, workers: tuple[Settling, ...], selection: Selection, stored: Installation
    ) -> None:
        self._settling = settling
        self._workers = workers
        self._session = settling.session
        self._selection = selection
        self._stored = stored
        self._raw = Raw.of(self._session)
        prepare(self._session)

    def run(self, pause_s: float, show: Show) -> Outcome:
        session, selection = self._session, self._selection
        self._settling.begin()
        choose(self._settling, selection)
        left_out = refuse(session, selection, self._raw)
        pause_s = pause_s if is_busy(session) else 0.0
        read_again = self._read_again(pause_s, show)
        if read_again:
            # Now also of spans that had not been read at all.
            choose(self._settling, selection)
        self._find_misplaced()
        progress = _Progress(session, selection, self._stored)
        outcome, after = progress.begin()
        resumed = after is not None
        with closing(in_order(self._workers, self._settle, self._pieces(after))) as settled:
            for piece, (done, left) in settled:
                outcome = outcome.with_stretch(done)
                if not left.is_empty():
                    outcome = outcome.with_stretch(self._settle_left(left))
                progress.note(piece.last, outcome)
                show("traces", outcome.traces)
        self._mend_days(pause_s, show)
        progress.note("", outcome, is_done=True)
        return outcome._replace(read_again=read_again, left_out=left_out, resumed=resumed)

    def _read_again(self, pause_s: float, show: Show) -> int:
        session, selection = self._session, self._selection
        different = 0
        for piece in view_rows.pieces(
            session, self._raw.readable_since_ms, selection.tenant, chosen=selection.is_narrow
        ):
            different += view_rows.mend_piece(session, piece, pause_s=pause_s)
            show("rows read again", different)
        return different if selection.is_narrow else different + view_rows.mend_cycles(session, selection.tenant)

    def _find_misplaced(self) -> None:
        """Find the traces whose copies in another order are not what they are copies of."""
        self._session.command(
            "CREATE TEMPORARY TABLE IF NOT EXISTS misplaced (TenantId LowCardinality(String), TraceId String)"
        )
        for copy in COPIES:
            compare_copy(self._session, self._selection, copy, "copies/")
        self._session.command(
            "INSERT INTO misplaced SELECT DISTINCT TenantId, TraceId FROM differing WHERE startsWith(Mark, 'copies/')"
        )

    def _pieces(self, after: str | None) -> Iterator[_Piece]:
        # One trace is looked up sooner than all.
        sharing = None if self._selection.trace else Sharing(self._session, self._selection.tenant)
        for first, last, _ in self._settling.stretches(after):
            misplaced = frames.select(self._session, _MISPLACED, {"first": first, "last": last})
            among = sharing.between(first, last) if sharing else None
            yield _Piece(last, self._settling.chosen(first, last), misplaced, among)

    def _settle_left(self, traces: pl.DataFrame) -> Outcome:
        """Settle traces that a stretch has left, where they have no stretch of their own."""
        frames.refill(self._session, "stretch", traces)
        beyond = traces.join(frames.select(self._session, _CHOSEN_OF), on=TRACE, how="anti")
        if beyond.is_empty():
            return Outcome()
        done, _ = self._settle(self._settling, _Piece("", beyond, beyond.clear()))
        return done._replace(traces=0)

    def _settle(self, settling: Settling, piece: _Piece) -> tuple[Outcome, pl.DataFrame]:
        """Settle some traces, and return what was done and which others may have to be settled then.

        Each trace is settled by one: nobody else is to write the others meanwhile.
        """
        session, done = settling.session, Outcome(traces=piece.traces.height)
        forced = Forced(self._raw.whole_since_ms, alone=True, sharing=piece.sharing)
        derived = settling.derived(piece.traces, forced, looks_up_prices=True)
        differing = stretch_diff.differing(session, derived)
        wrong = derived.only(stretch_diff.traces_of([*differing.values(), piece.misplaced]))
        if wrong.traces.is_empty():
            return done, derived.left
        wrong = wrong.also_at(_strays(session, piece.misplaced))
        frames.refill(session, "stretch", wrong.traces.select(TRACE))
        ((before, unpriced),) = session.rows(_COST)
        after, unpriced_now = wrong.cost()
        others = Standing(differing["agent_calls"], differing["agent_executions"])
        settling.write(wrong.only_calls(others.calls), others)
        done = done._replace(
            changed=differing["agent_executions"].height,
            priced=int(unpriced) - unpriced_now,
            usd_before=Decimal(before),
            usd_after=after,
        )
        return done, derived.left

    def _mend_days(self, pause_s: float, show: Show) -> None:
        selection = self._selection
        if not selection.is_narrow:
            self._settling.settle_sessions(Sessions(tenant=selection.tenant))
        if not selection.trace:
            for number, where in enumerate(daily_sums.days(self._session, selection.tenant, selection.day)):
                self._settling.mend_days(where, pause_s)
                show("stretches of days", number + 1)
        # Of a trace, or of a day on which nothing is left.
        self._settling.participants.count()


def _strays(session: Session, misplaced: pl.DataFrame) -> pl.DataFrame:
    """Return where executions of misplaced traces stand, known to nobody."""
    frames.refill(session, "stretch", misplaced)
    (strays,) = sql_files.statements("proof/strays")
    return frames.select(session, strays)


class _Progress:
    """How far the rebuild of a selection has come, as a row that outlasts the process."""

    def __init__(self, session: Session, selection: Selection, stored: Installation) -> None:
        self._session = session
        self._parameters = {**selection.parameters, "basis": str(_basis(session, stored))}

    def begin(self) -> tuple[Outcome, str | None]:
        """What was done already, and up to which trace, in hex; nothing, and None, where nobody has begun."""
        rows = self._session.rows(
            f"SELECT UpTo, {_COUNTERS} FROM spanhouse.rebuild_progress FINAL WHERE {_KEY} AND NOT IsDone "
            "AND Basis = {basis:UInt64} AND At > now64(6) - toIntervalDay(1)",
            self._parameters,
        )
        for up_to, traces, changed, priced, before, after in rows:
            outcome = Outcome(0, int(traces), int(changed), int(priced), Decimal(before), Decimal(after))
            return outcome, up_to
        return Outcome(), None

    def note(self, up_to: str, outcome: Outcome, *, is_done: bool = False) -> None:
        """Write down that everything up to a trace is done."""
        counters = {name: str(value) for name, value in outcome._asdict().items()}
        self._session.command(
            "INSERT INTO spanhouse.rebuild_progress "
            "(TenantId, Day, TraceId, Basis, UpTo, IsDone, Traces, Changed, Priced, UsdBefore, UsdAfter) "
            "SELECT unhex({tenant:String}), {day:String}, unhex({trace:String}), {basis:UInt64}, {up_to:String}, "
            "{is_done:UInt8}, {traces:UInt64}, {changed:UInt64}, {priced:Int64}, "
            "toDecimal128({usd_before:String}, 12), toDecimal128({usd_after:String}, 12)",
            {**self._parameters, **counters, "up_to": up_to, "is_done": str(int(is_done))},
        )


def _basis(session: Session, stored: Installation) -> int:
    """A number that is another one where results may be: what was done before that is to be done again."""
    ((prices,),) = session.rows(_USERS_PRICES)
    said = [
        stored.timezone,
        prices,
        str(stored.default_budget_usd),
        version("genai-prices"),
        *map(sql_files.bare, sql_files.all_statements()),
        *map(str, part_rules()),
        *(ast.dump(ast.parse(rule.read_text("utf-8"))) for rule in sorted(_RULES.glob("*.py"))),
    ]
    return int.from_bytes(sha256("\0".join(said).encode()).digest()[:8])
