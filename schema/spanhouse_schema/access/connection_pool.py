"""Sealed connections, kept for the next reader of the same tenant: so many in all, and so many lent to one tenant."""

from collections import Counter
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from threading import Condition
from typing import NamedTuple

from spanhouse_schema.access.sealed_connection import SealedConnection
from spanhouse_schema.errors import DatabaseUnavailable, ReaderClosed


class Bounds(NamedTuple):
    """How many connections there may be, how many of them one tenant may use at once, and how long one waits."""

    total: int = 16
    of_tenant: int = 4
    wait_s: float = 10.0


class ConnectionPool:
    """The connections of a process. Safe to use from any thread. Close it."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._changed = Condition()
        self._closed = False
        # By whom they read for; the one that was used last stands last.
        self._idle: list[tuple[Hashable, SealedConnection]] = []
        self._lent: Counter[Hashable] = Counter()

    @contextmanager
    def lent(self, reader: Hashable, connect: Callable[[], SealedConnection]) -> Generator[SealedConnection]:
        """Lend a connection of `reader`, which `connect` makes when none is idle.

        It is closed, not kept, when the block raises. Raises `DatabaseUnavailable` when none becomes free in time,
        `ReaderClosed` when the pool is closed, and what `connect` raises.
        """
        connection, surplus = self._take(reader)
        kept = False
        try:
            for each in surplus:
                each.close()
            connection = connection or connect()
            yield connection
            kept = True
        finally:
            self._give_back(reader, connection, kept)

    def close(self) -> None:
        """Close the idle connections now, and each of the others when it is given back."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for _, connection in idle:
            connection.close()

    def _take(self, reader: Hashable) -> tuple[SealedConnection | None, list[SealedConnection]]:
        """Return an idle connection of `reader`, if any, and what must be closed to make room for a new one."""
        with self._changed:
            self._await_turn(reader)
            self._lent[reader] += 1
            for at in reversed(range(len(self._idle))):
                if self._idle[at][0] == reader:
                    return self._idle.pop(at)[1], []
            excess = max(0, self._lent.total() + len(self._idle) - self._bounds.total)
            surplus, self._idle = self._idle[:excess], self._idle[excess:]
            return None, [connection for _, connection in surplus]

    def _await_turn(self, reader: Hashable) -> None:
        if not self._changed.wait_for(lambda: self._closed or self._has_room(reader), self._bounds.wait_s):
            raise DatabaseUnavailable(
                f"every connection for this tenant has been in use for {self._bounds.wait_s:g} s: try again later"
            )
        if self._closed:
            raise ReaderClosed("nothing is read any more: the process is ending")

    def _has_room(self, reader: Hashable) -> bool:
        return self._lent[reader] < self._bounds.of_tenant and self._lent.total() < self._bounds.total

    def _give_back(self, reader: Hashable, connection: SealedConnection | None, kept: bool) -> None:
        with self._changed:
            self._lent -= Counter({reader: 1})
            if kept and connection is not None and not self._closed:
                self._idle.append((reader, connection))
                connection = None
            self._changed.notify_all()
        if connection is not None:
            connection.close()
