"""One segment's way into ClickHouse, attempt after attempt: each record ends stored once, or as a dead letter.

What an attempt may do next depends on what may have been written (every view on this road is fed by the same INSERT):

- Nothing was answered. Anything may have been written. The same INSERT again: its token makes it a no-op if it was.
- The rows could not be parsed. Nothing was written, since a segment is parsed as one block before any of it is stored:
  the records may be divided among new tokens. First all requests are serialised anew, which cures what is legal and
  merely unusual; then halves are tried, down to the request that is at fault. It becomes a dead letter.
- A view or a table refused the values. Rows may have been written under this token, so that a record given to another
  token might be stored twice. What is exact is the same token with a record less: what is stored already stays, the
  rest follows. Each record is left out in turn, the largest first, until ClickHouse takes the others; where that does
  not help, the whole piece is set aside as one dead letter. What is stored of such a letter is uncertain.
- The INSERT took more memory than one statement may have, whatever else runs. While it was parsed: divided as above.
  Later: the largest record is left out, then the two largest, four, eight, until the others are taken.
- Anything else (no table, no permission, too many parts, memory that others hold) is not the records' fault and would
  befall the next segment too: the same again, for as long as it takes. The spool grows meanwhile, and says so.
"""

from dataclasses import replace
from math import inf
from pathlib import Path

import structlog

from spanhouse_collector.load import ingest_error, reencode
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import dead_letter, disk
from spanhouse_collector.spool.plan import PIECE, Piece, Plan
from spanhouse_collector.spool.segment import Extent, Segment
from spanhouse_schema import Database
from spanhouse_schema.clickhouse.insert_settings import insert_settings
from spanhouse_schema.errors import InputUnreadable, StatementFailed

_NO_MEMORY_CODES = frozenset({173, 241})
# ClickHouse's words for a statement over its own limit; where others hold the memory it says "(total)" or "User".
_OVER_ITS_MEMORY = "Query memory limit exceeded"
_TRIES = 3
# Each is a whole INSERT, and what comes after the segment waits.
_MOST_LEFT_OUT = 500

_log = structlog.get_logger()


class Insertion:
    """The INSERTs of one segment. Blocks: for a worker thread, one at a time."""

    def __init__(self, segment: Segment, signal: Signal, database: Database, spool: Path) -> None:
        """Write the plan down, or read the one that a crash left. Raises `OSError`."""
        self._segment = segment
        self._signal = signal
        self._database = database
        self._spool = spool
        self._plan = Plan.of(segment, insert_settings(signal.value))
        self._known_extents: list[Extent] = []
        self._failures = 0

    @property
    def is_done(self) -> bool:
        """Whether each record is stored or is a dead letter."""
        return not self._plan.pieces

    def attempt(self) -> None:
        """Try the first piece that is left. Raises `DatabaseError` or `OSError` when it is to be tried again later."""
        piece = self._plan.pieces[0]
        try:
            self._insert(piece)
        except StatementFailed as error:
            self._failures += 1
            if self._failures < self._patience(piece, error):
                raise
            if isinstance(error, InputUnreadable) and not piece.without:
                self._divide(piece, error)
            else:
                self._leave_out_next(piece, error)
        else:
            self._close(piece)

    def clean_up(self) -> None:
        """Delete what lay beside the segment, which is deleted already."""
        disk.remove(self._piece_file)
        self._plan.remove()

    def _insert(self, piece: Piece) -> None:
        settings = {**self._plan.settings, "insert_deduplication_token": piece.token}
        self._database.insert_file(self._signal.table, self._file(piece), "Protobuf", settings=settings)

    def _patience(self, piece: Piece, error: StatementFailed) -> float:
        """How often the piece may fail like this before anything else is tried than the same again."""
        if _OVER_ITS_MEMORY in str(error):
            return 1
        if error.code in _NO_MEMORY_CODES:
            return inf
        if isinstance(error, InputUnreadable):
            # Records of which some are left out were parsed before: it is not they that are at fault.
            return inf if piece.without else 1
        if error.is_about_a_value:
            return 1 if piece.without else _TRIES
        return inf

    def _divide(self, piece: Piece, error: InputUnreadable) -> None:
        count = len(self._extents(piece))
        if not piece.canonical and error.code not in _NO_MEMORY_CODES:
            _log.warning("not readable as it came; spelled anew", segment=piece.token, requests=count)
            self._proceed(replace(piece, canonical=True))
        elif count > 1:
            half = count // 2
            self._proceed(self._part(piece.first, half), self._part(piece.first + half, count - half))
        else:
            self._bury(piece.token, self._extents(piece), str(error))

    def _part(self, first: int, count: int) -> Piece:
        return Piece(f"{self._segment.token}.{first}-{first + count}", first, count, canonical=True)

    def _leave_out_next(self, piece: Piece, error: StatementFailed) -> None:
        following = self._following(piece, error)
        if following:
            _log.warning("refused; tried without some", segment=piece.token, requests=len(following))
            self._proceed(replace(piece, without=following, error=str(error)))
        else:
            self._bury(piece.token, self._extents(piece), str(error), uncertain=True)

    def _following(self, piece: Piece, error: StatementFailed) -> tuple[int, ...]:
        """The records to be left out after those that the piece goes without; none when that is not worth while."""
        extents = self._numbered(piece)
        # The largest are the likeliest to be at fault.
        order = sorted(extents, key=lambda number: extents[number].start - extents[number].end)
        # It only ever grows, so that the search ends, whatever the errors are.
        tried = order.index(piece.without[-1]) + 1 if piece.without else 0
        if _OVER_ITS_MEMORY in str(error):
            many = tried * 2 or 1
            return tuple(order[:many]) if many < len(order) else ()
        return tuple(order[tried : tried + 1]) if tried < _MOST_LEFT_OUT and len(order) > 1 else ()

    def _close(self, piece: Piece) -> None:
        """The piece is stored, but for the records that it went without."""
        if piece.without:
            extents = self._numbered(piece)
            left_out = [extents[number] for number in sorted(piece.without)]
            self._bury(f"{piece.token}.{piece.without[0]}", left_out, piece.error, uncertain=True)
        else:
            self._proceed()

    def _bury(self, name: str, extents: list[Extent], error: str, *, uncertain: bool = False) -> None:
        """Make these records a dead letter, as they came, and go on with the next piece."""
        records = list(self._segment.read(extents))
        letter = dead_letter.write(self._spool, self._signal, name, records, error=error, uncertain=uncertain)
        ingest_error.report(self._database, letter, records, self._piece_file)
        self._proceed()
        # Without ClickHouse's message: that may quote a client's values.
        _log.error("dead letter", name=name, signal=letter.signal, requests=letter.requests, bytes=letter.bytes)

    def _proceed(self, *pieces: Piece) -> None:
        self._plan.replace_first(*pieces)
        self._failures = 0

    def _file(self, piece: Piece) -> Path:
        if piece == Piece(self._segment.token):
            return self._segment.path
        with self._piece_file.open("wb") as file:
            for number, record in enumerate(self._segment.read(self._extents(piece)), piece.first):
                if number not in piece.without:
                    file.write(reencode.respell(record, self._signal) if piece.canonical else record)
        return self._piece_file

    def _extents(self, piece: Piece) -> list[Extent]:
        """Where the records of the piece lie, those that it goes without among them."""
        if not self._known_extents:
            self._known_extents = self._segment.extents()
        end = None if piece.count is None else piece.first + piece.count
        return self._known_extents[piece.first : end]

    def _numbered(self, piece: Piece) -> dict[int, Extent]:
        """The same by their numbers, counted from the segment's first record."""
        return dict(enumerate(self._extents(piece), piece.first))

    @property
    def _piece_file(self) -> Path:
        return self._segment.path.with_suffix(PIECE)
