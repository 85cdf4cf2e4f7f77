"""Which requests were stored lately, so that one that a client sends again is acknowledged and not stored twice."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from struct import Struct
from threading import Lock

from spanhouse_collector.spool import disk
from spanhouse_collector.spool.envelope import DIGEST_BYTES, Head

KEEP_S = 600.0
# About 130 bytes each: 80 MB at the most. A busier collector remembers for less than ten minutes.
KEEP_REQUESTS = 500_000

_GENERATIONS = 5
_ENTRY = Struct(f"<Q{DIGEST_BYTES}s")


class Seen:
    """The digests of the last ten minutes (`KEEP_S`) or the last `keep` of them, whichever are fewer. One thread's.

    They age in groups, each forgotten as one: a digest is kept for up to a fifth longer.
    """

    def __init__(self, *, keep: int = KEEP_REQUESTS, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep = keep
        self._clock = clock
        self._groups: deque[tuple[float, set[bytes]]] = deque([(clock(), set())])

    def __contains__(self, digest: bytes) -> bool:
        self._forget()
        return any(digest in group for _, group in self._groups)

    def add(self, digest: bytes) -> None:
        """Remember `digest` from now on."""
        begun, group = self._groups[-1]
        if len(group) >= self._keep / _GENERATIONS or self._clock() - begun >= KEEP_S / _GENERATIONS:
            group = set()
            self._groups.append((self._clock(), group))
        group.add(digest)
        self._forget()

    def _forget(self) -> None:
        # A group ends where the next begins: once that is long ago, all of it is.
        while len(self._groups) > 1 and (
            len(self._groups) > _GENERATIONS + 1 or self._clock() - self._groups[1][0] >= KEEP_S
        ):
            self._groups.popleft()


class Journal:
    """The digests whose segment is deleted, on disk, so that they are remembered across a restart. Any thread's.

    A row of files, each a sequence of receive time (nanoseconds since 1970, 8 bytes) and digest. A process writes only
    files that it began itself, so that an entry torn in a crash is never followed by another.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = Lock()
        self._path: Path | None = None

    def load(self) -> Iterator[bytes]:
        """The digests of requests that came within the last ten minutes. Raises `OSError`."""
        horizon = _horizon()
        for path in self._files():
            data = path.read_bytes()
            whole = len(data) - len(data) % _ENTRY.size
            for received, digest in _ENTRY.iter_unpack(data[:whole]):
                if received >= horizon:
                    yield digest

    def append(self, heads: Iterable[Head]) -> None:
        """Write down what came within the last ten minutes; on disk when it returns. Raises `OSError`."""
        horizon = _horizon()
        entries = [
            _ENTRY.pack(head.received_unix_nano, head.digest) for head in heads if head.received_unix_nano >= horizon
        ]
        if not entries:
            return
        with self._lock:
            try:
                disk.append(self._current(), b"".join(entries))
            except OSError:
                # What was written of it may end within an entry: nothing may follow that.
                self._path = None
                raise

    def _current(self) -> Path:
        """The file to append to: a new one every few minutes, so that old ones can be deleted whole."""
        if self._path is None or _begun(self._path) < _horizon(KEEP_S / _GENERATIONS):
            self._delete_old()
            self._path = self._directory / f"seen-{time.time_ns()}.journal"
        return self._path

    def _delete_old(self) -> None:
        files = self._files()
        for path, successor in pairwise(files):
            # Written to until its successor began, with requests received before.
            if _begun(successor) < _horizon():
                disk.remove(path)

    def _files(self) -> list[Path]:
        return sorted(self._directory.glob("seen-*.journal"), key=_begun)


def _begun(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def _horizon(keep_s: float = KEEP_S) -> int:
    return time.time_ns() - int(keep_s * 1e9)
