"""A segment of the spool: a file of records, open while it grows and never changed once it is sealed.

The name is `<number>-<random>`, with `.open` or `.segment` behind it. The number is the order of loading. The random
part makes the name the segment's identity for good, also when numbers begin anew in an empty directory: so the name is
its deduplication token.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from spanhouse_collector.spool import disk, envelope

OPEN, SEALED = ".open", ".segment"


class Extent(NamedTuple):
    """Where in the file a record lies: its first byte and the byte after its last."""

    start: int
    end: int


@dataclass(frozen=True)
class Segment:
    """A sealed segment."""

    path: Path
    size: int
    oldest_unix_nano: int

    @classmethod
    def at(cls, path: Path) -> Self:
        """The sealed segment that is the file `path`. Raises `OSError`."""
        with path.open("rb") as file:
            start = file.read(envelope.HEAD_BYTES)
            return cls(path, os.fstat(file.fileno()).st_size, _received(start))

    @property
    def token(self) -> str:
        """What makes two INSERTs of this segment one."""
        return self.path.stem

    def extents(self) -> list[Extent]:
        """Where each record lies. What no record can be read from, if damaged, is the last one."""
        with self.path.open("rb") as file:
            return [Extent(start, end) for start, end, _ in _frames(file.fileno(), self.size)]

    def read(self, extents: Iterable[Extent]) -> Iterator[bytes]:
        """The records that lie there."""
        with self.path.open("rb") as file:
            for extent in extents:
                yield os.pread(file.fileno(), extent.end - extent.start, extent.start)

    def heads(self) -> Iterator[envelope.Head]:
        """The digest and receive time of each record."""
        with self.path.open("rb") as file:
            for _, _, start in _frames(file.fileno(), self.size):
                head = envelope.head(start)
                if head is not None:
                    yield head


class OpenSegment:
    """A segment that grows. All of it up to `size` is on disk."""

    def __init__(self, directory: Path, number: int) -> None:
        """Create the file, its name durable. Raises `OSError`."""
        self.path = directory / f"{number:012d}-{secrets.token_hex(8)}{OPEN}"
        self.size = 0
        self.records = 0
        self.oldest_unix_nano = 0
        self._torn = False
        self._file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            disk.sync(directory)
        except OSError:
            self.discard()
            raise

    def append(self, records: list[bytes]) -> None:
        """Put the records behind the others, all on disk when it returns, or none in the file and `OSError`."""
        self._mend()
        data = records[0] if len(records) == 1 else b"".join(records)
        self._write(data)
        if not self.records:
            self.oldest_unix_nano = _received(data[: envelope.HEAD_BYTES])
        self.size += len(data)
        self.records += len(records)

    def probe(self) -> None:
        """Try whether the disk takes a write now; leaves nothing behind. Raises `OSError`."""
        self._mend()
        self._write(bytes(4096))
        self._torn = True
        self._mend()

    def seal(self) -> Segment:
        """Close the segment and give it its final name. Raises `OSError`, and may be tried again."""
        self._mend()
        sealed = self.path.with_suffix(SEALED)
        # Its name need not be durable: a segment that is found open after a crash is recovered, and the plan of its
        # INSERT, which lies beside it, makes this name durable too.
        self.path.rename(sealed)
        os.close(self._file)
        return Segment(sealed, self.size, self.oldest_unix_nano)

    def discard(self) -> None:
        """Close and delete the file."""
        os.close(self._file)
        self.path.unlink()

    def _write(self, data: bytes) -> None:
        try:
            _write_all(self._file, data, self.size)
            os.fdatasync(self._file)
        except OSError:
            self._torn = True
            # Not lost when it fails now: nothing is appended or sealed before it has succeeded.
            with suppress(OSError):
                self._mend()
            raise

    def _mend(self) -> None:
        """Cut off what a failed write left behind `size`."""
        if self._torn:
            os.ftruncate(self._file, self.size)
            os.fdatasync(self._file)
            self._torn = False


def recover(path: Path) -> Segment | None:
    """Seal the open segment at `path` that a crash left, cut behind its last whole record; None if that leaves none.

    Raises `OSError`.
    """
    size = _whole_bytes(path)
    if not size:
        path.unlink()
        return None
    with path.open("r+b") as file:
        os.ftruncate(file.fileno(), size)
        # Records that were written but not yet acknowledged are kept, so a retry of them will be acknowledged.
        os.fsync(file.fileno())
    sealed = path.with_suffix(SEALED)
    disk.move(path, sealed)
    return Segment.at(sealed)


def number(path: Path) -> int:
    """The number in a segment's name; 0 when there is none."""
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0


def _whole_bytes(path: Path) -> int:
    with path.open("rb") as file:
        handle = file.fileno()
        whole = 0
        for start, end, _ in _frames(handle, os.fstat(handle).st_size):
            if not envelope.is_whole(os.pread(handle, end - start, start)):
                break
            whole = end
    return whole


def _frames(handle: int, size: int) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and first bytes of each record; the rest of the file is one record where no other is found."""
    at = 0
    while at < size:
        start = os.pread(handle, envelope.HEAD_BYTES, at)
        skip, length = envelope.frame(start)
        end = at + skip + length
        if not length or end > size:
            end = size
        yield at, end, start
        at = end


def _write_all(handle: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(handle, rest, offset)
        rest, offset = rest[written:], offset + written


def _received(start: bytes) -> int:
    head = envelope.head(start)
    return head.received_unix_nano if head else 0
