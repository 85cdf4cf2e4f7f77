"""What a spool does when it starts: take hold of its directory, and put in order what a crash left in it."""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import structlog

from spanhouse_collector.errors import SpoolInUse
from spanhouse_collector.spool import disk, segment
from spanhouse_collector.spool.dedup import KEEP_S
from spanhouse_collector.spool.plan import PIECE, PLAN
from spanhouse_collector.spool.segment import Segment

_log = structlog.get_logger()


def hold(directory: Path) -> TextIO:
    """Make `directory` this process's until the file that is returned is closed, or the process ends.

    Raises `SpoolInUse` when it is another process's.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (directory / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise SpoolInUse(
            f"the spool in {directory} is in use by process {holder}; "
            "stop that one first, or give this one a data directory of its own"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def recover(directory: Path) -> list[Segment]:
    """The segments of one signal's directory, oldest first, each sealed. Raises `OSError`."""
    directory.mkdir(mode=0o700, exist_ok=True)
    for path in directory.glob(f"*{PIECE}"):
        disk.remove(path)
    for path in directory.glob(f"*{segment.OPEN}"):
        _seal(path)
    for path in directory.glob(f"*{PLAN}"):
        # Its segment is deleted first: one without a segment is of a segment that was loaded.
        if not path.with_suffix(segment.SEALED).exists():
            disk.remove(path)
    sealed = sorted(directory.glob(f"*{segment.SEALED}"), key=lambda path: (segment.number(path), path.name))
    return [Segment.at(path) for path in sealed]


def _seal(path: Path) -> None:
    size = path.stat().st_size
    recovered = segment.recover(path)
    cut = size - (recovered.size if recovered else 0)
    if cut:
        # No request that was acknowledged, unless the disk has lost what it said it had.
        _log.warning("cut off a torn tail", segment=path.stem, bytes=cut)


def recent_digests(segments: Iterable[Segment]) -> Iterator[bytes]:
    """The digests in those segments that were written to within the time for which a digest is remembered."""
    horizon = time.time() - KEEP_S
    for each in segments:
        if each.path.stat().st_mtime >= horizon:
            yield from (head.digest for head in each.heads())
