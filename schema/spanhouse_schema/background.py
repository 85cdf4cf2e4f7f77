"""Work that goes on beside everything else, from a start to a stop, and is tried again when it fails.

`Loops` run in an event loop, `LoopThread` in a thread of its own: for what must also go on where no event loop runs, or
where one is busy. Both tell of their failures through `Failures`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from spanhouse_schema.errors import ControlError, DatabaseError, StatementFailed

_LOGGED_CHARACTERS = 500
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Failures:
    """The failures in a row of one piece of work: use it around each try, whose error is told, and ends there.

    `event` begins what the log says of them, and `on_failure` is called at each. `error` is the last one, None when the
    last try succeeded.
    """

    def __init__(self, event: str, on_failure: Callable[[], None] = lambda: None) -> None:
        self.error: Exception | None = None
        self.in_a_row = 0
        self._event = event
        self._on_failure = on_failure

    def __enter__(self) -> None:
        """Begin a try."""

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        """End the try. A fault of our own is told as well: it must not end the work for good."""
        if isinstance(error, Exception):
            self._add(error)
        elif error is None:
            self._clear()
        return isinstance(error, Exception)

    def _add(self, error: Exception) -> None:
        self.error = error
        self.in_a_row += 1
        self._on_failure()
        # The first, the second, the fourth, …: an outage of hours is a few lines.
        if self.in_a_row & (self.in_a_row - 1) == 0:
            expected = isinstance(error, DatabaseError | ControlError | OSError)
            _log.warning("%s: %s", self._event, _loggable(error), exc_info=None if expected else error)

    def _clear(self) -> None:
        if self.error is not None:
            _log.info("%s: over, after %d failures", self._event, self.in_a_row)
        self.error, self.in_a_row = None, 0


class Loops:
    """Loops in the event loop; what blocks runs in `threads` threads of theirs. Stop them, then close."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *loops: Coroutine[Any, Any, None]) -> None:
        """Begin to run these, each beside the others."""
        self._tasks += map(asyncio.create_task, loops)

    async def stop(self) -> None:
        """Cancel the loops, and wait until each has ended; `in_thread` can still be used."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    async def in_thread(self, step: Callable[[], _T]) -> _T:
        """Return what a blocking `step` returns; who is cancelled meanwhile still waits for its end."""
        return await unbroken(asyncio.get_running_loop().run_in_executor(self._threads, step))


async def unbroken(step: Awaitable[_T]) -> _T:
    """Return what `step` returns; when cancelled, be cancelled only after it has ended."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def insist(step: Callable[[], Awaitable[_T]], failures: Failures, pause_s: Callable[[Failures], float]) -> _T:
    """Return what `step` returns; where it fails, try again after a pause until it does not."""
    while True:
        with failures:
            return await step()
        await asyncio.sleep(pause_s(failures))


async def repeat(step: Callable[[], Awaitable[float]], failures: Failures, retry_s: float) -> NoReturn:
    """Take a step again and again: after as many seconds as it returns, or after `retry_s` where it fails."""
    while True:  # noqa: ASYNC110  # it waits for its next turn, not for something to happen
        await asyncio.sleep(await insist(step, failures, lambda _: retry_s))


class LoopThread:
    """Takes `step` every `every_s` seconds in a thread of its own, from `start` to `stop`."""

    def __init__(self, name: str, step: Callable[[], None], failures: Failures, *, every_s: float) -> None:
        self._step = step
        self._failures = failures
        self._every_s = every_s
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first step comes after `every_s`."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no other step, and wait for the one that runs. Nothing happens where it was not started."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            with self._failures:
                self._step()


def _loggable(error: Exception) -> str:
    # What ClickHouse says of a value quotes it, and a client's values are not for the log.
    if isinstance(error, StatementFailed) and error.is_about_a_value:
        return f"ClickHouse refused a value, error {error.code}"
    # An HTTP client's message has the whole URL in it, and that the whole schema.
    text = str(error)
    return text if len(text) <= _LOGGED_CHARACTERS else f"{text[:_LOGGED_CHARACTERS]}…"
