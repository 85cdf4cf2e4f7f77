"""`TenantReader`: the rows of one tenant, by named queries, as the API, the live stream and the page read them.

No query names a tenant. The engine keeps each connection in one: embedded by its row filters, on a server by the row
policies of the key's own user. `sealed_connection` says how a reader logs in.
"""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Lock
from typing import Generic, NamedTuple, Self
from uuid import uuid4

from spanhouse_schema.access.connection_pool import Bounds, ConnectionPool
from spanhouse_schema.access.cursor import Position
from spanhouse_schema.access.grants import Grant
from spanhouse_schema.access.named_queries import PagedQuery, Query, R, Value
from spanhouse_schema.access.reader_seal import ReaderLimits
from spanhouse_schema.access.sealed_connection import SealedConnection, connect
from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.errors import DatabaseError, DatabaseUnavailable, LimitReached, ReaderClosed, StatementFailed

_BOUNDS = Bounds()
_EARLIEST, _LATEST = -(2**63), 2**63 - 1
_EPOCH = datetime.fromtimestamp(0, UTC)
# TOO_MANY_ROWS, TIMEOUT_EXCEEDED, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES.
_LIMIT_CODES = frozenset({158, 159, 241, 307, 396})
_KILL_EVERY_S = 0.1


class Window(NamedTuple):
    """The times from `since` to just before `until`, which have a time zone; None is an open end."""

    since: datetime | None = None
    until: datetime | None = None

    def parameters(self) -> dict[str, Value]:
        """Return the window as the fragment `window` takes it."""
        return {
            "since": _EARLIEST if self.since is None else _nanoseconds(self.since),
            "until": _LATEST if self.until is None else _nanoseconds(self.until) - 1,
        }


ALWAYS = Window()


class Page(NamedTuple, Generic[R]):
    """Some rows of a list, and the cursor of those that follow: '' when there are none."""

    rows: list[R]
    cursor: str


class TenantReaders:
    """The readers of a process, and the connections that they share. Safe to use from any thread.

    Close it before the database.
    """

    def __init__(self, database: Database, limits: ReaderLimits, bounds: Bounds = _BOUNDS) -> None:
        self._database = database
        self._limits = limits
        self._pool = ConnectionPool(bounds)

    def reader(self, grant: Grant, secret: str = "") -> "TenantReader":
        """Return a reader of the grant's tenant. Close it.

        `secret` is the key that the request came with, which a server asks for and the embedded engine does not.
        """
        return TenantReader(self._database, self._limits, self._pool, grant, secret)

    def close(self) -> None:
        """Close the connections; those in use when they are given back."""
        self._pool.close()


class TenantReader:
    """Reads one tenant's rows, for one request. Safe to use from any thread, and to close from another one."""

    def __init__(
        self, database: Database, limits: ReaderLimits, pool: ConnectionPool, grant: Grant, secret: str
    ) -> None:
        self.tenant = grant.tenant
        self._database = database
        self._limits = limits
        self._pool = pool
        self._grant = grant
        self._secret = secret
        self._closed = False
        self._lock = Lock()
        self._running: dict[str, Event] = {}

    def rows(self, query: Query[R], parameters: Mapping[str, Value]) -> list[R]:
        """Return all rows of a query that is not paged.

        Raises `LimitReached`, `ReaderClosed`, `DatabaseUnavailable`, and `UnknownKey` when a server does not let this
        key read; `ValueError` when these are not the query's parameters.
        """
        query.check(parameters)
        return [query.read(line) for line in self._lines(query, parameters)]

    def page(
        self,
        query: PagedQuery[R],
        parameters: Mapping[str, Value],
        *,
        size: int,
        window: Window = ALWAYS,
        cursor: str = "",
    ) -> Page[R]:
        """Return the rows that follow `cursor`, at most `size`; it holds for the same parameters and window only.

        Rows that are inserted between two pages neither shift nor repeat any. Raises `CursorInvalid`, and what `rows`
        raises.
        """
        query.check(parameters)
        if size < 1:
            raise ValueError(f"a page of {size} rows is not a page: ask for one row at least")
        listing = self._listing(query, parameters, window)
        after = Position.of(cursor, listing)
        place: dict[str, Value] = {"after_at": after.position_ns, "after_key": after.position_key, "limit": size + 1}
        lines = self._lines(query, {**parameters, **window.parameters(), **place})
        rows = [query.read(line) for line in lines[:size]]
        has_more = len(lines) > size
        return Page(rows, Position.model_validate_json(lines[size - 1]).cursor(listing) if has_more else "")

    def close(self) -> None:
        """Cancel what is being read, and refuse to read from now on.

        On a server what is being read goes on to its end, or to its limit of time.
        """
        with self._lock:
            self._closed = True
            running = dict(self._running)
        for mark, ended in running.items():
            while self._database.embedded and not ended.is_set():
                self._database.kill(mark)
                ended.wait(_KILL_EVERY_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lines(self, query: Query[R], parameters: Mapping[str, Value]) -> list[bytes]:
        with self._pool.lent(self._who(), self._connect) as connection, self._marked() as mark:
            return connection.read(f"{query.sql}\n-- {mark}", parameters).splitlines()

    def _connect(self) -> SealedConnection:
        return connect(self._database, self._grant, self._secret, self._limits)

    def _who(self) -> tuple[str, ...]:
        """Return whose connections these are: in the embedded engine any key of the tenant's will do."""
        return (self.tenant,) if self._database.embedded else (self.tenant, self._grant.key_id or "", self._secret)

    @contextmanager
    def _marked(self) -> Generator[str]:
        """Give a mark to what is being read, by which it can be cancelled; say what went wrong in a reader's words."""
        mark, ended = uuid4().hex, Event()
        with self._lock:
            self._check_open()
            self._running[mark] = ended
        try:
            yield mark
            self._check_open()
        except DatabaseError as error:
            self._check_open(error)
            if isinstance(error, StatementFailed | DatabaseUnavailable) and error.code in _LIMIT_CODES:
                raise LimitReached(str(error).replace(f"\n-- {mark}", "")) from error
            raise
        finally:
            ended.set()
            with self._lock:
                del self._running[mark]

    def _check_open(self, cause: DatabaseError | None = None) -> None:
        if self._closed:
            raise ReaderClosed("this reader is closed") from cause

    def _listing(self, query: Query[R], parameters: Mapping[str, Value], window: Window) -> bytes:
        """Return what a cursor is bound to: the tenant, the query, and what it is asked with."""
        asked = [self.tenant, query.name, {**parameters, **window.parameters()}]
        return json.dumps(asked, sort_keys=True).encode()


def _nanoseconds(time: datetime) -> int:
    """Return nanoseconds since 1970, as near as a time of the engine comes. Raises `ValueError` without a time zone."""
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone: a window needs one")
    return max(_EARLIEST + 1, min(_LATEST, (time - _EPOCH) // timedelta(microseconds=1) * 1000))
