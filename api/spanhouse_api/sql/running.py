"""Run statements in the engine: each in a thread of its own, so many at once, and to be cancelled at any time."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from uuid import uuid4

from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.pipe import Pipe
from spanhouse_schema import Database, DatabaseError, StatementFailed
from spanhouse_schema.clickhouse.database import Statistics

_AT_ONCE = 32
_TURN_WAIT_S = 10.0
_KILL_EVERY_S = 0.1
_log = logging.getLogger(__name__)

Run = Callable[[Pipe, bytes], Statistics]
"""Runs a statement: writes its result into the pipe, and marks the statement's text with these bytes."""


class Execution:
    """A statement that is running: read its `pieces`, then ask its `outcome`."""

    def __init__(self, pipe: Pipe, running: Future[Statistics]) -> None:
        self._pipe = pipe
        self._running = running

    def pieces(self) -> AsyncGenerator[bytes]:
        """The result, as it comes."""
        return self._pipe.pieces()

    async def outcome(self) -> Statistics:
        """What the statement did. Raises `DatabaseError`, `Refused`."""
        return await asyncio.wrap_future(self._running)

    def ended(self) -> tuple[Statistics, BaseException | None]:
        """What the statement did, and the error that ended it, once `Executor.running` is left. Never waits.

        A statement that has not ended then, because the wait for its end was cancelled too, counts as cancelled.
        """
        if self._running.cancelled() or not self._running.done():
            return Statistics(), asyncio.CancelledError()
        failure = self._running.exception()
        return (self._running.result() if failure is None else Statistics()), failure


class Executor:
    """The threads that statements run in. Close it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="spanhouse-sql")
        self._killers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="spanhouse-kill")

    @asynccontextmanager
    async def running(self, run: Run) -> AsyncGenerator[Execution]:
        """Run a statement while the block lasts; it is cancelled, and has ended, when the block is left.

        Raises `Refused` when too many run already.
        """
        await self._take_turn()
        try:
            mark = uuid4().hex
            pipe = Pipe()
            running = self._threads.submit(_run_marked, run, pipe, mark)
            try:
                yield Execution(pipe, running)
            finally:
                pipe.close_reading()
                await self._end(running, mark)
        finally:
            self._turns.release()

    def close(self) -> None:
        """Wait for the threads to end."""
        self._threads.shutdown()
        self._killers.shutdown()

    async def _take_turn(self) -> None:
        try:
            await asyncio.wait_for(self._turns.acquire(), _TURN_WAIT_S)
        except TimeoutError as error:
            reason = f"Too many simultaneous queries. Maximum: {_AT_ONCE}"
            raise Refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", reason) from error

    async def _end(self, running: Future[Statistics], mark: str) -> None:
        if not running.done():
            # In a thread, so that it goes on when this task is cancelled as well.
            await asyncio.wrap_future(self._killers.submit(_kill, self._database, running, mark))


def _run_marked(run: Run, pipe: Pipe, mark: str) -> Statistics:
    marking = f"\n-- {mark}"
    try:
        return run(pipe, marking.encode())
    except StatementFailed as error:
        # ClickHouse quotes the statement; the mark is not part of what the client sent.
        raise type(error)(str(error).replace(marking, ""), error.code) from error
    finally:
        pipe.close_writing()


def _kill(database: Database, running: Future[Statistics], mark: str) -> None:
    # Again and again: the statement may not have begun.
    while not running.done():
        try:
            database.kill(mark)
        except DatabaseError as error:
            _log.warning("a statement whose client has gone cannot be cancelled: %s", error)
        wait([running], _KILL_EVERY_S)
