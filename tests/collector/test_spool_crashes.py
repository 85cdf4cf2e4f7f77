"""However a spool is used and wherever it is killed: all that was acknowledged is there, once, and in order."""

import asyncio
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import envelope, writer
from spanhouse_collector.spool.segment import Segment
from spanhouse_collector.spool.spool import Spool
from tests.collector.spool_process import LOADED
from tests.collector.spooling import MIB, Sent, append, finish_one, requests_on_disk, send

_ROUNDS = 30


class Life:
    """A spool that is used, killed and started again, and what must be in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lives = 0
        self._sent = 0
        self._kept: list[Sent] = []
        self._finished: list[Sent] = []

    async def begin(self) -> None:
        """Start the spool."""
        self._spool = Spool(self._directory, limit_bytes=64 * MIB, segment_bytes=2000)
        await self._spool.start()

    async def append(self, sizes: list[int]) -> None:
        """Several clients send at once, and each is answered."""
        fresh = [self._next(size) for size in sizes]
        assert all(await asyncio.gather(*(append(self._spool, sent) for sent in fresh)))
        self._kept += fresh

    async def repeat(self, choice: int) -> None:
        """A client sends again what was acknowledged."""
        known = self._kept + self._finished
        if known:
            assert not await append(self._spool, known[choice % len(known)])

    async def finish(self) -> None:
        """The loader has loaded the oldest segment."""
        if self._kept:
            count = len((await self._spool.next_segment(Signal.TRACES)).extents())
            await finish_one(self._spool)
            self._finished += self._kept[:count]
            del self._kept[:count]

    async def kill(self, sizes: list[int], torn: float) -> None:
        """The process is killed when it has written, not acknowledged, some records whole and a part of another."""
        killed = self._directory
        self._lives += 1
        shutil.copytree(killed, self._directory)
        await self._spool.stop()
        for path in self._directory.glob("traces/*.open"):
            unanswered = [self._next(size) for size in sizes]
            rest = self._next(100).record
            with path.open("ab") as file:
                file.write(b"".join(sent.record for sent in unanswered) + rest[: int(torn * len(rest))])
            self._kept += unanswered
        await self.begin()

    async def end(self) -> None:
        """Stop the spool."""
        await self._spool.stop()

    def check(self) -> None:
        """All that is acknowledged and not loaded is there, in order, and nothing else."""
        assert requests_on_disk(self._directory) == [envelope.decode(sent.record).request for sent in self._kept]
        assert self._spool.bytes == sum(len(sent.record) for sent in self._kept)

    @property
    def _directory(self) -> Path:
        return self._root / str(self._lives)

    def _next(self, size: int) -> Sent:
        self._sent += 1
        return send(b"%d " % self._sent + bytes(size))


_sizes = st.lists(st.integers(0, 900), max_size=6)
_steps = st.one_of(
    st.tuples(st.just(Life.append), _sizes),
    st.tuples(st.just(Life.append), _sizes),
    st.tuples(st.just(Life.repeat), st.integers(0, 100)),
    st.tuples(st.just(Life.finish)),
    st.tuples(st.just(Life.kill), _sizes, st.floats(0, 1, exclude_max=True)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_steps, max_size=15))
def test_whatever_happens_the_acknowledged_are_kept_once_and_in_order(steps: list[tuple[object, ...]]) -> None:
    with TemporaryDirectory() as root, mock.patch.object(writer, "SEAL_AFTER_S", 0.0):
        asyncio.run(_live(Life(Path(root)), steps))


async def _live(life: Life, steps: list[tuple[object, ...]]) -> None:
    await life.begin()
    for action, *values in steps:
        assert callable(action)
        await action(life, *values)
        life.check()
    await life.end()
    life.check()


@pytest.mark.slow
def test_every_acknowledged_request_survives_kill_9_once(tmp_path: Path) -> None:
    chance = random.Random(20261121)
    acknowledged: set[str] = set()
    again: list[str] = []
    for life in range(_ROUNDS):
        answered = _run_and_kill(tmp_path, str(life), again, after_s=chance.uniform(0.01, 0.3))
        assert set(again) <= set(answered)
        acknowledged.update(answered)
        # Clients whose answer was lost send again; and so do some that have had theirs.
        again = [*_in_flight(answered, str(life)), *answered[-10:]]
    stored = _stored(tmp_path)
    assert len(acknowledged) > _ROUNDS * 20
    assert not [request for request in acknowledged if stored[request] != 1]
    assert not [request for request, times in stored.items() if times > 1]


def _run_and_kill(directory: Path, life: str, again: list[str], *, after_s: float) -> list[str]:
    """The requests that a process acknowledged before it was killed."""
    output = directory / f"{life}.out"
    command = [sys.executable, "-m", "tests.collector.spool_process", str(directory), life, *again]
    with output.open("wb") as file, subprocess.Popen(command, stdout=file) as process:
        try:
            deadline = time.monotonic() + 30
            while f"\n{life}-" not in output.read_text() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(after_s)
            assert process.poll() is None, "the process ended by itself"
        finally:
            process.kill()
    return output.read_text().splitlines()


def _in_flight(answered: list[str], life: str) -> list[str]:
    """The request that each client of a life was waiting for."""
    last = {name: int(number) for name, _, number in (line.rpartition("-") for line in answered)}
    return [f"{name}-{number + 1}" for name, number in last.items() if name.startswith(f"{life}-")]


def _stored(directory: Path) -> Counter[str]:
    """How often each request is stored: in segments that were loaded, or are in the spool, by their token."""
    asyncio.run(_recover(directory / "spool"))
    paths = [*directory.glob("spool/traces/*.segment"), *(directory / LOADED).iterdir()]
    stored: Counter[str] = Counter()
    for path in {path.name: path for path in paths}.values():
        segment = Segment.at(path)
        requests = [envelope.decode(record).request for record in segment.read(segment.extents())]
        stored.update(request.rstrip(b"\0").decode() for request in requests)
    return stored


async def _recover(directory: Path) -> None:
    spool = Spool(directory, limit_bytes=64 * MIB)
    await spool.start()
    await spool.stop()
