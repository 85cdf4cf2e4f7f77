"""The spool: what was acknowledged and is not in ClickHouse yet, on disk, with a directory of segments per signal.

`append` returns once the record is on disk. The loader takes the oldest sealed segment with `next_segment` and gives it
back with `finish` once its rows are in ClickHouse. A request that comes twice is kept once.
"""

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import disk, recovery, segment
from spanhouse_collector.spool.dedup import Journal, Seen
from spanhouse_collector.spool.segment import Segment
from spanhouse_collector.spool.writer import Append, Writer
from spanhouse_web.errors import Busy

SEGMENT_BYTES = 32 * 1024 * 1024
# An SDK gives a batch ten seconds in all: time for a few more tries.
_RETRY_AFTER_S = 3
# One that is being loaded and one that is next: with more, rows come later and later after their acknowledgement.
_SEGMENTS_IN_TIME = 2
# A loader that has finished nothing for so long is not slow but stuck: nothing is won by waiting for it.
STUCK_AFTER_S = 3.0


class Spool:
    """The spool in `directory`, of at most `limit_bytes`; a segment is sealed at `segment_bytes`.

    From `start` to `stop` it belongs to the event loop in which it was started. `bytes` counts what is on disk and what
    is being written.
    """

    def __init__(self, directory: Path, *, limit_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory = directory
        self.bytes = 0
        self._limit_bytes = limit_bytes
        self._segment_bytes = segment_bytes
        self._lock: TextIO | None = None
        self._seen = Seen()
        self._journal = Journal(directory)
        self._pending: dict[bytes, asyncio.Future[str | None]] = {}
        self._lanes: dict[Signal, _Lane] = {}
        # Not the loop's own threads: those may all be busy with long queries.
        self._threads = ThreadPoolExecutor(len(Signal), thread_name_prefix="spool-finish")

    async def start(self) -> None:
        """Take hold of the directory, recover what a crash left in it, and begin to write.

        Raises `SpoolInUse` when another process holds it, `OSError` when it cannot be read or written.
        """
        self._lock = recovery.hold(self.directory)
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._recover)
        for lane in self._lanes.values():
            lane.writer.start()

    async def append(self, signal: Signal, record: bytes, digest: bytes, items: int) -> bool:
        """Put a record of `items` rows on disk. False when a request with this digest is, from the last ten minutes.

        Raises `Busy` when the spool is full or the disk does not take it; nothing is kept of the record then.
        """
        if digest in self._seen:
            return False
        known = self._pending.get(digest)
        written = known or self._put(signal, Append(record, digest, max(1, items), self._loop.create_future()))
        # A client that goes away must not cancel what another one may wait for.
        problem = await asyncio.shield(written)
        if problem is not None:
            raise Busy(problem, _RETRY_AFTER_S)
        return known is None

    async def next_segment(self, signal: Signal) -> Segment:
        """The oldest sealed segment, as soon as there is one; the same one until it is finished."""
        lane = self._lanes[signal]
        while not lane.sealed:
            lane.arrived.clear()
            lane.writer.want()
            await lane.arrived.wait()
        return lane.sealed[0]

    async def finish(self, signal: Signal, done: Segment) -> None:
        """Delete the segment that `next_segment` gave; its digests stay known. Raises `OSError`: call it again."""
        await self._loop.run_in_executor(self._threads, self._delete, done)
        self._lanes[signal].finish(done)
        self.bytes -= done.size

    def adopt(self, signal: Signal, path: Path) -> None:
        """Take the file of records at `path` as one more segment, under the name it has. Raises `OSError`."""
        target = self._lanes[signal].directory / f"{path.stem}{segment.SEALED}"
        disk.move(path, target)
        adopted = Segment.at(target)
        self.bytes += adopted.size
        self._take_in(signal, adopted)

    def check(self) -> None:
        """Raises `Busy` with the reason when a record would be refused now."""
        for lane in self._lanes.values():
            if lane.writer.problem:
                raise Busy(lane.writer.problem, _RETRY_AFTER_S)
        self._require_room(0)

    @property
    def oldest_age_s(self) -> float:
        """Seconds since the oldest request that is not loaded was received; 0 when all are."""
        oldest = [lane.oldest_unix_nano for lane in self._lanes.values()]
        return max((time.time() - unix_nano / 1e9 for unix_nano in oldest if unix_nano), default=0.0)

    async def stop(self) -> None:
        """Write what was accepted, and let the directory go."""
        for lane in self._lanes.values():
            await asyncio.to_thread(lane.writer.stop)
        self._threads.shutdown()
        if self._lock:
            self._lock.close()

    def _put(self, signal: Signal, append: Append) -> asyncio.Future[str | None]:
        self._require_room(len(append.record))
        self.bytes += len(append.record)
        self._pending[append.digest] = append.written
        self._lanes[signal].writer.put(append)
        return append.written

    def _require_room(self, size: int) -> None:
        if self.bytes + size > self._limit_bytes:
            raise Busy(
                f"the spool holds {self.bytes} bytes and may hold {self._limit_bytes}: ClickHouse is behind",
                _RETRY_AFTER_S,
            )

    def _settle(self, appends: list[Append], problem: str | None) -> None:
        for append in appends:
            del self._pending[append.digest]
            if problem is None:
                self._seen.add(append.digest)
            else:
                self.bytes -= len(append.record)
            append.written.set_result(problem)

    def _take_in(self, signal: Signal, sealed: Segment) -> None:
        lane = self._lanes[signal]
        lane.sealed.append(sealed)
        lane.arrived.set()

    def _delete(self, done: Segment) -> None:
        # The journal first: a digest must never be in neither.
        self._journal.append(done.heads())
        disk.remove(done.path)

    def _recover(self) -> None:
        for draft in self.directory.rglob("*.tmp"):
            disk.remove(draft)
        for digest in self._journal.load():
            self._seen.add(digest)
        for signal in Signal:
            directory = self.directory / signal.value
            segments = recovery.recover(directory)
            for digest in recovery.recent_digests(segments):
                self._seen.add(digest)
            self.bytes += sum(each.size for each in segments)
            self._lanes[signal] = _Lane(directory, segments, self._writer(signal, directory, segments))

    def _writer(self, signal: Signal, directory: Path, segments: list[Segment]) -> Writer:
        call = self._loop.call_soon_threadsafe
        return Writer(
            directory,
            first_number=max((segment.number(each.path) for each in segments), default=0) + 1,
            segment_bytes=self._segment_bytes,
            is_behind=lambda: self._lanes[signal].is_behind,
            on_written=lambda appends, problem: call(self._settle, appends, problem),
            on_sealed=lambda sealed: call(self._take_in, signal, sealed),
        )


class _Lane:
    """One signal's way through the spool: the writer, then the sealed segments, oldest first."""

    def __init__(self, directory: Path, segments: list[Segment], writer: Writer) -> None:
        self.directory = directory
        self.writer = writer
        self.sealed = deque(segments)
        self.arrived = asyncio.Event()
        self._finished_at = float("-inf")

    def finish(self, done: Segment) -> None:
        self.sealed.remove(done)
        self._finished_at = time.monotonic()

    @property
    def is_behind(self) -> bool:
        is_moving = time.monotonic() - self._finished_at < STUCK_AFTER_S
        return is_moving and len(self.sealed) > _SEGMENTS_IN_TIME

    @property
    def oldest_unix_nano(self) -> int | None:
        return self.sealed[0].oldest_unix_nano if self.sealed else self.writer.oldest_unix_nano
