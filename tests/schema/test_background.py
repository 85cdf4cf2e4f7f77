"""Work in the background: it goes on whatever fails, is never broken off half way, and the log hears of it seldom."""

import asyncio
import threading

import pytest

from spanhouse_schema import DatabaseUnavailable, StatementFailed
from spanhouse_schema.background import Failures, Loops, LoopThread, insist, repeat
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


def _fail(failures: Failures, error: BaseException) -> None:
    with failures:
        raise error


def test_the_log_hears_of_the_first_the_second_the_fourth_failure_and_of_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    counted: list[None] = []
    failures = Failures("rows are not loaded", lambda: counted.append(None))
    for number in range(1, 10):
        _fail(failures, DatabaseUnavailable(f"away {number}"))
    with failures:
        pass
    assert [record.getMessage() for record in caplog.records] == [
        *(f"rows are not loaded: away {number}" for number in (1, 2, 4, 8)),
        "rows are not loaded: over, after 9 failures",
    ]
    assert len(counted) == 9
    assert (failures.error, failures.in_a_row) == (None, 0)


def test_only_a_fault_of_our_own_is_told_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    for error in (DatabaseUnavailable("away"), OSError(28, "No space left on device"), KeyError("x")):
        _fail(Failures("work failed"), error)
    assert [bool(record.exc_info) for record in caplog.records] == [False, False, True]


def test_the_log_quotes_no_value_of_a_client_and_no_long_text(caplog: pytest.LogCaptureFixture) -> None:
    _fail(Failures("work failed"), StatementFailed("Cannot parse 'a secret'", 6))
    assert caplog.messages == ["work failed: ClickHouse refused a value, error 6"]
    _fail(Failures("work failed"), DatabaseUnavailable("x" * 10_000))
    assert len(caplog.messages[1]) < 600


def test_what_is_cancelled_or_killed_is_no_failure() -> None:
    failures = Failures("work failed")
    for error in (asyncio.CancelledError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            _fail(failures, error)
    assert failures.in_a_row == 0


async def test_a_step_is_taken_again_until_it_succeeds_after_the_pause_that_its_failures_ask_for() -> None:
    errors: list[Exception] = [DatabaseUnavailable("away"), RuntimeError("a fault of our own")]
    paused: list[tuple[int, str]] = []

    async def step() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    def pause_s(failures: Failures) -> float:
        paused.append((failures.in_a_row, str(failures.error)))
        return 0

    assert await insist(step, Failures("work failed"), pause_s) == "done"
    assert paused == [(1, "away"), (2, "a fault of our own")]


async def test_a_stop_waits_for_the_step_that_runs_and_begins_no_other() -> None:
    begun, may_end = threading.Event(), threading.Event()
    ended: list[None] = []
    loops = Loops("test")

    def work() -> None:
        begun.set()
        may_end.wait()
        ended.append(None)

    async def step() -> float:
        await loops.in_thread(work)
        return 0

    loops.start(repeat(step, Failures("work failed"), 0))
    await asyncio.to_thread(begun.wait)
    stopping = asyncio.create_task(loops.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    may_end.set()
    await stopping
    assert await loops.in_thread(lambda: len(ended)) == 1
    loops.close()


def test_a_thread_goes_on_after_a_failure_until_it_is_stopped() -> None:
    steps: list[None] = []

    def step() -> None:
        steps.append(None)
        if len(steps) == 1:
            raise RuntimeError("a fault of our own")

    thread = LoopThread("test", step, Failures("work failed"), every_s=0.001)
    thread.start()
    until(lambda: len(steps) > 2)
    thread.stop()
    taken = len(steps)
    assert "test" not in {each.name for each in threading.enumerate()}
    assert len(steps) == taken


def test_a_thread_that_was_never_started_can_be_stopped() -> None:
    LoopThread("test", lambda: None, Failures("work failed"), every_s=1).stop()
