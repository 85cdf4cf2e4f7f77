"""Dead letters are found, read, dropped, and loaded once when somebody asks for it."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from spanhouse_collector.errors import DeadLetterUnknown
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import dead_letter
from spanhouse_collector.spool.dead_letter import DeadLetter
from spanhouse_schema import Database, InputUnreadable
from tests.collector.loading import Killed, Killer, Tenant, drained, load, loading, requests, until
from tests.collector.spooling import running, send

pytestmark = pytest.mark.anyio


@pytest.fixture
def tenant(database: Database) -> Tenant:
    """A tenant that no other test uses."""
    return Tenant(database, f"t{uuid4().hex}")


def _write(spool: Path, name: str, *requests: bytes, signal: Signal = Signal.TRACES) -> DeadLetter:
    return dead_letter.write(spool, signal, name, [send(request).record for request in requests], error=f"no {name}")


def test_letters_are_found_by_name_and_by_digest(tmp_path: Path) -> None:
    assert not dead_letter.find_all(tmp_path)
    first = _write(tmp_path, "1-a", b"one")
    second = _write(tmp_path, "2-b", b"two", b"three", signal=Signal.LOGS)
    assert dead_letter.find_all(tmp_path) == [first, second]
    assert dead_letter.find(tmp_path, "1-") == dead_letter.find(tmp_path, send(b"one").digest.hex()[:12]) == first
    assert (second.signal, second.requests, second.digest, second.error) == ("logs", 2, "", "no 2-b")
    assert [content.request for content in dead_letter.requests(tmp_path, second)] == [b"two", b"three"]
    assert dead_letter.count(tmp_path, Signal.LOGS) == 1
    assert dead_letter.count(tmp_path, Signal.METRICS) == 0


@pytest.mark.parametrize("name", ["3", "", "1-aa"])
def test_a_name_that_is_not_exactly_one_letters_is_refused(tmp_path: Path, name: str) -> None:
    _write(tmp_path, "1-a", b"one")
    _write(tmp_path, "2-b", b"two")
    with pytest.raises(DeadLetterUnknown, match="dead-letter list"):
        dead_letter.find(tmp_path, name)


def test_a_letter_that_is_dropped_is_gone(tmp_path: Path) -> None:
    letter = _write(tmp_path, "1-a", b"one")
    dead_letter.drop(tmp_path, letter)
    assert not dead_letter.find_all(tmp_path)
    assert not list((tmp_path / "dead-letter" / "traces").iterdir())


def test_a_note_whose_letter_is_gone_is_no_letter(tmp_path: Path) -> None:
    letter = _write(tmp_path, "1-a", b"one")
    (tmp_path / "dead-letter" / "traces" / f"{letter.name}.letter").unlink()
    assert not dead_letter.find_all(tmp_path)


@contextmanager
def _unreadable(database: Database, digests: set[bytes]) -> Generator[None]:
    """For now, the database cannot read what has one of these digests."""
    insert = database.insert_file

    def failing(table: str, path: Path, fmt: str, *, settings: dict[str, Any]) -> None:
        if table.endswith("otlp_traces") and any(digest in path.read_bytes() for digest in digests):
            raise InputUnreadable("not understood yet", 444)
        insert(table, path, fmt, settings=settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "insert_file", failing)
        yield


async def _bury(directory: Path, database: Database, tenant: Tenant, count: int = 5) -> DeadLetter:
    """Send `count` requests of which the last, for now, cannot be read: a dead letter, the others are loaded."""
    sent = [tenant.send(request) for request in requests(count)]
    with _unreadable(database, {sent[-1].digest}):
        await load(directory, database, sent)
    [letter] = dead_letter.find_all(directory)
    assert letter.digest == sent[-1].digest.hex()
    assert tenant.spans() == Counter({str(number): 3 for number in range(count - 1)})
    return letter


async def test_a_letter_that_is_retried_is_loaded_by_the_process_that_runs(
    tmp_path: Path, database: Database, tenant: Tenant
) -> None:
    letter = await _bury(tmp_path, database, tenant)
    async with running(tmp_path) as spool, loading(spool, database):
        dead_letter.retry(tmp_path, letter)
        assert not list((tmp_path / "dead-letter" / "traces").glob("*.*"))
        await until(lambda: tenant.spans()["4"] == 3)
        await drained(spool)
    assert not dead_letter.find_all(tmp_path)


async def test_a_letter_that_fails_again_is_a_letter_again_with_one_row(
    tmp_path: Path, database: Database, tenant: Tenant
) -> None:
    letter = await _bury(tmp_path, database, tenant)
    with _unreadable(database, {bytes.fromhex(letter.digest)}):
        dead_letter.retry(tmp_path, letter)
        async with running(tmp_path) as spool, loading(spool, database):
            await until(lambda: bool(dead_letter.find_all(tmp_path)))
            await drained(spool)
    [again] = dead_letter.find_all(tmp_path)
    assert (again.name, again.digest) == (letter.name, letter.digest)
    assert len(tenant.errors()) == 1


@pytest.mark.slow
async def test_a_retry_that_is_killed_at_any_step_loads_the_letter_once(tmp_path: Path, database: Database) -> None:
    for step in range(100):
        tenant, directory = Tenant(database, f"t{uuid4().hex}"), tmp_path / str(step)
        letter = await _bury(directory, database, tenant, count=1)
        killed = await _retry_until_killed(directory, database, letter, step)
        for left in dead_letter.find_all(directory):
            dead_letter.retry(directory, left)
        async with running(directory) as spool, loading(spool, database):
            await until(lambda: tenant.spans()["0"] == 3)  # noqa: B023  awaited here
            await drained(spool)
        assert tenant.traces() == 3
        assert not dead_letter.find_all(directory)
        if not killed:
            assert step >= 6
            return
    raise AssertionError("a retry never ends")


async def _retry_until_killed(directory: Path, database: Database, letter: DeadLetter, step: int) -> bool:
    """Retry a letter, killed at a step of that or of the loading that follows; False when there is no such step."""
    with pytest.MonkeyPatch.context() as patch:
        killer = Killer(step, database, patch)
        with suppress(Killed):
            dead_letter.retry(directory, letter)
            async with running(directory) as spool, loading(spool, database):
                await until(lambda: killer.done or not list(directory.glob("dead-letter/*/retry/*")))
                await until(lambda: killer.done or not list(directory.glob("traces/*")))
        return killer.done
