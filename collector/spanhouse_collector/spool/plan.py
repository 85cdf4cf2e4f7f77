"""The plan of a segment's INSERTs, on disk before any of them: after a crash the same are made, and change nothing.

It lies beside its segment, `<name>.plan`. Most plans are one piece, the whole file. A piece that ClickHouse does not
take is replaced by others, which stand in the plan before they are tried.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from spanhouse_collector.spool import disk
from spanhouse_collector.spool.segment import Segment

PLAN, PIECE = ".plan", ".piece"


@dataclass(frozen=True)
class Piece:
    """Records of a segment that are one INSERT: `count` of them from `first` on, or all when `count` is None.

    The same `token` always means the same records, or, once `without` leaves some out, a part of them.
    """

    token: str
    first: int = 0
    count: int | None = None
    # Whether the requests are serialised anew, in the one way that every reader of Protobuf understands.
    canonical: bool = False
    # The records that are left out, counted from the segment's first, and what ClickHouse said with them.
    without: tuple[int, ...] = ()
    error: str = ""


@dataclass
class Plan:
    """The pieces that are not in ClickHouse yet, in their order, and the settings of their INSERTs."""

    path: Path
    settings: Mapping[str, str | int]
    pieces: list[Piece] = field(default_factory=list)

    @classmethod
    def of(cls, segment: Segment, settings: Mapping[str, str | int]) -> Self:
        """The plan that was written before a crash, or a new one: all of it as one piece. Raises `OSError`."""
        path = segment.path.with_suffix(PLAN)
        if path.exists():
            written = json.loads(path.read_bytes())
            pieces = [Piece(**{**piece, "without": tuple(piece["without"])}) for piece in written["pieces"]]
            return cls(path, written["settings"], pieces)
        plan = cls(path, settings, [Piece(segment.token)])
        plan._save()
        return plan

    def replace_first(self, *pieces: Piece) -> None:
        """Put `pieces`, or none, where the first piece is; on disk when it returns. Raises `OSError`."""
        before = self.pieces
        self.pieces = [*pieces, *before[1:]]
        try:
            self._save()
        except OSError:
            self.pieces = before
            raise

    def remove(self) -> None:
        """Delete the plan, once its segment is deleted."""
        disk.remove(self.path)

    def _save(self) -> None:
        document = {"settings": dict(self.settings), "pieces": [asdict(piece) for piece in self.pieces]}
        disk.write(self.path, json.dumps(document).encode())
