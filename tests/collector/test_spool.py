"""What the spool acknowledged is on disk, once; segments are sealed when they should be; past its limit it says so."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from spanhouse_collector.errors import SpoolInUse
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import spool as spool_module
from spanhouse_collector.spool import writer
from spanhouse_collector.spool.spool import Spool
from spanhouse_web.errors import Busy
from tests.collector.spooling import MIB, append, finish_one, requests_on_disk, running, send

pytestmark = pytest.mark.anyio


async def test_what_is_acknowledged_is_on_disk(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        for number in range(20):
            assert await append(spool, send(b"%d" % number))
            assert requests_on_disk(tmp_path)[-1] == b"%d" % number


async def test_signals_are_kept_apart(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        for signal in Signal:
            await append(spool, send(signal.value.encode()), signal)
            assert requests_on_disk(tmp_path, signal) == [signal.value.encode()]


async def test_requests_that_come_together_share_segments_and_keep_their_order(tmp_path: Path) -> None:
    requests = [b"%d" % number for number in range(500)]
    async with running(tmp_path) as spool:
        assert all(await asyncio.gather(*(append(spool, send(request)) for request in requests)))
        assert requests_on_disk(tmp_path) == requests
        segment = await spool.next_segment(Signal.TRACES)
        assert len(segment.extents()) == 500


# --- A request that comes twice


async def test_a_request_that_comes_again_is_stored_once(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        assert await append(spool, send(b"a"))
        assert not await append(spool, send(b"a"))
        assert await append(spool, send(b"a", tenant="other"))
    assert requests_on_disk(tmp_path) == [b"a", b"a"]


async def test_a_request_that_comes_twice_at_once_is_stored_once_and_answered_twice(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        answers = await asyncio.gather(*(append(spool, send(b"a")) for _ in range(5)))
        assert sorted(answers) == [False, False, False, False, True]
        assert requests_on_disk(tmp_path) == [b"a"]


async def test_a_client_that_goes_away_does_not_take_another_ones_answer_along(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        first = asyncio.create_task(append(spool, send(b"a")))
        await asyncio.sleep(0)
        second = asyncio.create_task(append(spool, send(b"a")))
        await asyncio.sleep(0)
        first.cancel()
        assert not await second
        assert not await append(spool, send(b"a"))
    assert requests_on_disk(tmp_path) == [b"a"]


async def test_a_request_is_known_after_a_restart_wherever_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        await append(spool, send(b"loaded"))
        await finish_one(spool)
        await append(spool, send(b"sealed"))
        await spool.next_segment(Signal.TRACES)
        await append(spool, send(b"open"))
        shutil.copytree(tmp_path, tmp_path.with_name("killed"))
    for directory in (tmp_path, tmp_path.with_name("killed")):
        async with running(directory) as spool:
            for request in (b"loaded", b"sealed", b"open"):
                assert not await append(spool, send(request))
        assert requests_on_disk(directory) == [b"sealed", b"open"]


# --- A loader that is behind


@pytest.fixture
def patience_s(monkeypatch: pytest.MonkeyPatch) -> float:
    """How long an acknowledgement waits for the loader: long enough to be told from a slow disk."""
    monkeypatch.setattr(writer, "BEHIND_PATIENCE_S", 1.0)
    return writer.BEHIND_PATIENCE_S


async def test_acknowledgements_wait_for_a_loader_that_is_behind(tmp_path: Path, patience_s: float) -> None:
    async with running(tmp_path, segment_bytes=100) as spool:
        await _seal(spool, 4)
        await finish_one(spool)
        assert await _seconds_to_append(spool) >= patience_s
        await finish_one(spool)
        await finish_one(spool)
        assert await _seconds_to_append(spool) < patience_s


async def test_acknowledgements_do_not_wait_for_a_loader_that_is_stuck(
    tmp_path: Path, patience_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, segment_bytes=100) as spool:
        await _seal(spool, 4)
        assert await _seconds_to_append(spool) < patience_s
        await finish_one(spool)
        monkeypatch.setattr(spool_module, "STUCK_AFTER_S", 0.0)
        assert await _seconds_to_append(spool) < patience_s


async def _seal(spool: Spool, segments: int) -> None:
    """Have so many segments sealed, and one open; in one group, which waits at most once."""
    await asyncio.gather(*(append(spool, send(os.urandom(100))) for _ in range(segments + 1)))


async def _seconds_to_append(spool: Spool) -> float:
    begun = time.monotonic()
    await append(spool, send(os.urandom(10)))
    return time.monotonic() - begun


# --- Sealing


async def test_a_segment_is_sealed_when_it_is_full(tmp_path: Path) -> None:
    async with running(tmp_path, segment_bytes=1000) as spool:
        for number in range(10):
            await append(spool, send(bytes([number]) * 300))
        sealed = sorted((tmp_path / "traces").glob("*.segment"))
        assert len(sealed) == 4
        assert all(path.stat().st_size <= 1000 for path in sealed)


async def test_a_record_larger_than_a_segment_has_one_of_its_own(tmp_path: Path) -> None:
    async with running(tmp_path, segment_bytes=1000) as spool:
        for size in (10, 5000, 11):
            await append(spool, send(bytes(size)))
        segments = [path.stat().st_size for path in sorted((tmp_path / "traces").iterdir())]
    assert [size > 1000 for size in segments] == [False, True, False]


async def test_a_segment_holds_only_so_many_spans_but_for_a_request_that_holds_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_ITEMS", 7)
    async with running(tmp_path) as spool:
        await asyncio.gather(*(append(spool, send(b"%d" % n), items=n) for n in (0, 2, 4, 1, 6, 100, 3, 1_000)))
        counts = []
        for _ in range(5):
            segment = await spool.next_segment(Signal.TRACES)
            counts.append(len(segment.extents()))
            await spool.finish(Signal.TRACES, segment)
    assert counts == [3, 2, 1, 1, 1]


async def test_small_requests_wait_for_each_other_but_not_for_long(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        taken = asyncio.create_task(spool.next_segment(Signal.TRACES))
        for number in range(10):
            await append(spool, send(b"%d" % number))
        segment = await taken
        assert len(segment.extents()) == 10


async def test_while_the_loader_is_busy_a_segment_grows(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        await append(spool, send(b"first"))
        busy = await spool.next_segment(Signal.TRACES)
        for number in range(10):
            await append(spool, send(b"%d" % number))
            await asyncio.sleep(writer.SEAL_AFTER_S / 4)
        assert await spool.next_segment(Signal.TRACES) == busy
        await spool.finish(Signal.TRACES, busy)
        assert len((await spool.next_segment(Signal.TRACES)).extents()) == 10


# --- Limits


async def test_past_its_limit_the_spool_asks_for_patience(tmp_path: Path) -> None:
    async with running(tmp_path, limit_bytes=1000) as spool:
        await append(spool, send(bytes(700)))
        with pytest.raises(Busy, match="may hold 1000") as refused:
            await append(spool, send(b"1" * 300))
        assert 0 < refused.value.retry_after_s <= 9
        assert not await append(spool, send(bytes(700)))
        await finish_one(spool)
        assert spool.bytes == 0
        assert await append(spool, send(b"1" * 300))
    assert requests_on_disk(tmp_path) == [b"1" * 300]


async def test_the_spool_knows_its_bytes_and_its_age_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        assert spool.oldest_age_s == 0
        await append(spool, send(bytes(1000)))
        size = spool.bytes
        assert 0 <= spool.oldest_age_s < 5
    await asyncio.sleep(0.3)
    async with running(tmp_path) as spool:
        assert spool.bytes == size == sum(path.stat().st_size for path in (tmp_path / "traces").iterdir())
        assert 0.3 <= spool.oldest_age_s < 5


async def test_a_second_process_is_told_who_holds_the_spool(tmp_path: Path) -> None:
    async with running(tmp_path):
        with pytest.raises(SpoolInUse, match=r"in use by process \d+"):
            async with running(tmp_path):
                pass


async def test_a_stopped_spool_accepts_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as spool:
        pass
    with pytest.raises(Busy, match="closed"):
        await append(spool, send(b"late"))
    assert not requests_on_disk(tmp_path)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_writer_that_fails_by_a_fault_of_its_own_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanhouse_collector.spool.segment.OpenSegment.append", lambda *_: 1 / 0)
    async with running(tmp_path) as spool:
        with pytest.raises(Busy, match="has failed"):
            await append(spool, send(b"a"))
        with pytest.raises(Busy, match="closed"):
            await append(spool, send(b"b"))
        with pytest.raises(Busy, match="closed"):
            spool.check()


# --- A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 24 MiB."""
    mount = shutil.which("mount")
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=24m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("a small tmpfs cannot be mounted here: that takes root")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


async def _until_ready(check: Callable[[], None]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            check()
        except Busy:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        else:
            return


async def test_of_requests_that_come_together_a_full_disk_takes_those_that_fit(small_disk: Path) -> None:
    requests = [b"%d " % number * 300_000 for number in range(60)]
    async with running(small_disk, limit_bytes=1000 * MIB, segment_bytes=2 * MIB) as spool:
        answers = await asyncio.gather(*(append(spool, send(request)) for request in requests), return_exceptions=True)
        assert all(answer is True or isinstance(answer, Busy) for answer in answers)
        taken = [request for request, answer in zip(requests, answers, strict=True) if answer is True]
        assert 0 < len(taken) < len(requests)
        assert requests_on_disk(small_disk) == taken
        assert spool.bytes == sum(path.stat().st_size for path in (small_disk / "traces").iterdir())


async def test_a_full_disk_refuses_loses_nothing_and_recovers(small_disk: Path) -> None:
    acknowledged: list[bytes] = []
    async with running(small_disk, limit_bytes=1000 * MIB, segment_bytes=2 * MIB) as spool:
        refused = None
        for number in range(100):
            request = b"%d " % number * 100_000
            try:
                await append(spool, send(request))
            except Busy as busy:
                refused = busy
                break
            acknowledged.append(request)
        assert refused is not None
        assert "No space left" in str(refused)
        with pytest.raises(Busy):
            spool.check()
        assert requests_on_disk(small_disk) == acknowledged
        # What the loader writes on its way still finds room.
        assert shutil.disk_usage(small_disk).free >= writer.RESERVE_BYTES

        while spool.bytes > 4 * MIB:
            await finish_one(spool)
            acknowledged = requests_on_disk(small_disk)
        await _until_ready(spool.check)
        assert await append(spool, send(b"room again"))
        assert requests_on_disk(small_disk) == [*acknowledged, b"room again"]


async def test_so_does_a_disk_that_others_fill_to_the_last_byte(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RESERVE_BYTES", 0)
    async with running(small_disk / "spool") as spool:
        await append(spool, send(b"before"))
        filler = small_disk / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(32 * MIB))
        for _ in range(3):
            with pytest.raises(Busy, match="No space left"):
                await append(spool, send(b"too much" * 10_000))
        with pytest.raises(Busy, match="No space left"):
            spool.check()
        filler.unlink()
        await _until_ready(spool.check)
        assert await append(spool, send(b"too much" * 10_000))
    assert requests_on_disk(small_disk / "spool") == [b"before", b"too much" * 10_000]
