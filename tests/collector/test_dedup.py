"""A digest is remembered for ten minutes, across a restart too, and in bounded memory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spanhouse_collector.spool.dedup import KEEP_S, Journal, Seen
from spanhouse_collector.spool.envelope import Head

_NS = 1_000_000_000


def _digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_a_digest_is_remembered_for_ten_minutes_and_not_much_longer() -> None:
    now = 0.0
    seen = Seen(clock=lambda: now)
    for second in range(2000):
        now = float(second)
        seen.add(_digest(second))
        assert all(_digest(each) in seen for each in range(max(0, second - int(KEEP_S)), second + 1, 50))
        assert _digest(second - int(KEEP_S * 1.5)) not in seen if second > KEEP_S * 1.5 else True


def test_what_nobody_sends_any_more_is_forgotten() -> None:
    now = 0.0
    seen = Seen(clock=lambda: now)
    seen.add(_digest(1))
    now = KEEP_S
    seen.add(_digest(2))
    assert _digest(1) in seen
    now = KEEP_S * 2.5
    assert _digest(1) not in seen


def test_memory_is_bounded_and_the_newest_are_kept() -> None:
    seen = Seen(keep=1000, clock=lambda: 0.0)
    for number in range(5000):
        seen.add(_digest(number))
    remembered = [number for number in range(5000) if _digest(number) in seen]
    assert remembered[-1] == 4999
    assert 1000 <= len(remembered) <= 1200
    assert remembered == list(range(remembered[0], 5000))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], int]:
    """Set the time, in seconds; returns it in nanoseconds."""

    def set_time(seconds: float) -> int:
        now = int((1_700_000_000 + seconds) * _NS)
        monkeypatch.setattr("time.time_ns", lambda: now)
        return now

    return set_time


def test_the_journal_remembers_across_a_restart(tmp_path: Path, at: Callable[[float], int]) -> None:
    now = at(0)
    Journal(tmp_path).append([Head(_digest(1), now), Head(_digest(2), now)])
    at(1)
    Journal(tmp_path).append([Head(_digest(3), now)])
    assert list(Journal(tmp_path).load()) == [_digest(1), _digest(2), _digest(3)]
    at(KEEP_S + 1)
    assert not list(Journal(tmp_path).load())


def test_an_entry_torn_in_a_crash_costs_no_other(tmp_path: Path, at: Callable[[float], int]) -> None:
    now = at(0)
    Journal(tmp_path).append([Head(_digest(1), now), Head(_digest(2), now)])
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-7])
    at(1)
    Journal(tmp_path).append([Head(_digest(3), now)])
    assert list(Journal(tmp_path).load()) == [_digest(1), _digest(3)]


def test_the_journal_stays_small_and_never_forgets_early(tmp_path: Path, at: Callable[[float], int]) -> None:
    journal = Journal(tmp_path)
    for second in range(0, 6000, 20):
        now = at(second)
        journal.append([Head(_digest(second), now)])
        expected = {_digest(each) for each in range(max(0, second - int(KEEP_S)), second + 1, 20)}
        assert set(journal.load()) == expected
        assert len(list(tmp_path.iterdir())) <= 8


def test_what_came_long_ago_is_not_written_down(tmp_path: Path, at: Callable[[float], int]) -> None:
    now = at(0)
    Journal(tmp_path).append([Head(_digest(1), now - int(KEEP_S + 1) * _NS)])
    assert not list(tmp_path.iterdir())
