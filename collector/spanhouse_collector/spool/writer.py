"""The thread that writes one signal's segments: all that is waiting in one write and one fsync, then it is answered.

The more requests come, the more of them share a write; nobody waits for others to come. A segment is sealed when it is
full, or when the loader has nothing to do and the oldest record has waited `SEAL_AFTER_S`: so small requests become one
INSERT, and a busy loader makes larger ones.
"""

import errno
import os
import time
from asyncio import Future
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from spanhouse_collector.spool.segment import OpenSegment, Segment

# An INSERT costs about 0.2 CPU seconds however small it is, and rows are promised within a second.
SEAL_AFTER_S = 0.6
# Once this much has come meanwhile, waiting for more pays: ten thousand spans a second share half as many INSERTs.
BUSY_BYTES = 4 * 1024 * 1024
BUSY_SEAL_AFTER_S = 1.5
# While the loader is behind, a group waits for it this long: clients, who wait for their answers, then send no faster
# than rows are written.
BEHIND_PATIENCE_S = 0.2
# Spans, records or points in a segment: each takes its resource's attributes along into its row, and so into memory.
# And far fewer records than ClickHouse reads as one block (1,048,449): only that is read whole or not at all.
MOST_ITEMS = 100_000
# Left free on the disk, so that the loader can still write its plans and so empty the spool.
RESERVE_BYTES = 8 * 1024 * 1024

_GROUP_BYTES = 8 * 1024 * 1024
_PROBE_EVERY_S = 1.0
_CLOSED = "the spool is closed"


class Append(NamedTuple):
    """A record that waits to be written. `written` becomes None, or why it is not on disk."""

    record: bytes
    digest: bytes
    items: int
    written: "Future[str | None]"


class Writer:
    """Writes the segments of one directory, from `start` to `stop`. `put` and `want` may be called in any thread.

    `is_behind` says whether the loader has more segments waiting than it should.
    `on_written(appends, problem)` and `on_sealed(segment)` are called in the writer's own thread. `problem` says why
    the disk takes no record now; None when it does.
    """

    def __init__(
        self,
        directory: Path,
        *,
        first_number: int,
        segment_bytes: int,
        is_behind: Callable[[], bool],
        on_written: Callable[[list[Append], str | None], object],
        on_sealed: Callable[[Segment], object],
    ) -> None:
        self.problem: str | None = None
        self._directory = directory
        self._number = first_number
        self._segment_bytes = segment_bytes
        self._is_behind = is_behind
        self._on_written = on_written
        self._on_sealed = on_sealed
        self._segment: OpenSegment | None = None
        self._items = 0
        self._opened_at = 0.0
        self._wanted = self._stopping = self._ended = False
        self._queue: SimpleQueue[Append | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=f"spool-{directory.name}", daemon=True)

    @property
    def oldest_unix_nano(self) -> int | None:
        """When the oldest record that is not sealed yet was received; None when there is none."""
        segment = self._segment
        return segment.oldest_unix_nano if segment and segment.records else None

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, append: Append) -> None:
        """Have the record written; `on_written` follows."""
        self._queue.put(append)
        if self._ended:
            self._refuse_rest()

    def want(self) -> None:
        """Have a segment sealed as soon as its oldest record has waited long enough; `on_sealed` follows."""
        self._wanted = True
        self._queue.put(None)

    def stop(self) -> None:
        """Write what was put before, seal it, and end the thread. Blocks."""
        self._stopping = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while not (self._stopping and self._queue.empty()):
                self._turn()
            self._close()
        finally:
            self._ended = True
            self.problem = _CLOSED
            self._refuse_rest()

    def _turn(self) -> None:
        group = self._take_group(self._patience())
        if group:
            self._let_the_loader_catch_up()
            self._write(group + self._take_group(0))
        elif self.problem:
            self._probe()
        if self._wanted and self._seconds_to_seal() <= 0:
            self._seal()

    def _let_the_loader_catch_up(self) -> None:
        end = time.monotonic() + BEHIND_PATIENCE_S
        while self._is_behind() and time.monotonic() < end:
            time.sleep(BEHIND_PATIENCE_S / 20)

    def _take_group(self, patience: float | None) -> list[Append]:
        """What is waiting, or what comes within `patience` seconds (None: however long it takes)."""
        group: list[Append] = []
        size = 0
        while size < _GROUP_BYTES:
            try:
                item = self._queue.get(timeout=patience)
            except Empty:
                break
            patience = 0
            if item is not None:
                group.append(item)
                size += len(item.record)
        return group

    def _patience(self) -> float | None:
        if self.problem:
            return _PROBE_EVERY_S
        return max(0.0, self._seconds_to_seal()) if self._wanted and self.oldest_unix_nano is not None else None

    def _seconds_to_seal(self) -> float:
        is_busy = self._segment is not None and self._segment.size >= BUSY_BYTES
        return self._opened_at + (BUSY_SEAL_AFTER_S if is_busy else SEAL_AFTER_S) - time.monotonic()

    def _write(self, group: list[Append]) -> None:
        rest, problem = group, "the spool's writer has failed"
        try:
            while rest:
                segment = self._open()
                fitting = self._fitting(segment, rest)
                if not fitting:
                    self._finish(segment)
                    continue
                self._require_space(sum(len(append.record) for append in fitting))
                segment.append([append.record for append in fitting])
                self._items += sum(append.items for append in fitting)
                self._answer(fitting, None)
                rest = rest[len(fitting) :]
        except (OSError, MemoryError) as error:
            problem = f"the spool cannot be written: {error}"
        finally:
            if rest:
                self._answer(rest, problem)

    def _fitting(self, segment: OpenSegment, appends: list[Append]) -> list[Append]:
        """The first of the appends that the segment still takes; an empty one takes any first one, however large."""
        size, items = segment.size, self._items
        for count, append in enumerate(appends):
            size += len(append.record)
            items += append.items
            if (size > self._segment_bytes or items > MOST_ITEMS) and segment.records + count:
                return appends[:count]
        return appends

    def _open(self) -> OpenSegment:
        if self._segment is None:
            self._require_space(0)
            self._segment = OpenSegment(self._directory, self._number)
            self._number += 1
            self._items = 0
        if not self._segment.records:
            self._opened_at = time.monotonic()
        return self._segment

    def _seal(self) -> None:
        """Seal what there is; when that fails it is tried again with the next record or probe."""
        try:
            if self._segment and self._segment.records:
                self._finish(self._segment)
        except OSError as error:
            self.problem = f"a segment of the spool cannot be sealed: {error}"

    def _close(self) -> None:
        self._seal()
        if self._segment and not self._segment.records:
            # If it stays, the next start deletes it.
            with suppress(OSError):
                self._segment.discard()

    def _finish(self, segment: OpenSegment) -> None:
        sealed = segment.seal()
        self._segment = None
        self._wanted = False
        self._on_sealed(sealed)

    def _probe(self) -> None:
        try:
            self._open().probe()
            self._require_space(0)
            self.problem = None
        except OSError as error:
            self.problem = f"the spool cannot be written: {error}"

    def _require_space(self, size: int) -> None:
        disk = os.statvfs(self._directory)
        if disk.f_bavail * disk.f_frsize < size + RESERVE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._directory))

    def _answer(self, appends: list[Append], problem: str | None) -> None:
        self.problem = problem
        self._on_written(appends, problem)

    def _refuse_rest(self) -> None:
        while rest := self._take_group(0):
            self._answer(rest, _CLOSED)
