"""Sessions: an engine connection kept between requests, with what was SET on it and its temporary tables."""

import asyncio
from collections.abc import Callable, Mapping

from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.parameters import SessionChoice
from spanhouse_schema import Connection
from spanhouse_schema.quoting import literal

_MOST_SESSIONS = 256


class Session:
    """A connection whose settings last, and which each request still gives settings of its own.

    Not for two threads at once: `Sessions` lends it to one request at a time.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        # What the requests before have put on, and what stood there before that (None: the engine's default).
        self._worn: dict[str, str] = {}
        self._own: dict[str, str | None] = {}
        self.expiry: asyncio.TimerHandle | None = None
        self.in_use = False

    def connection(self, settings: Mapping[str, str]) -> Connection:
        """The connection, with `settings` in force for the next statement only. Raises `DatabaseError`, `Refused`."""
        if self._connection is None:
            self._connection = self._connect()
        if dict(settings) != self._worn:
            self._change(self._connection, settings)
        return self._connection

    def forget(self) -> None:
        """The session's own settings were changed by a statement: what is remembered of them no longer holds."""
        self._own.clear()

    def close(self) -> None:
        """Give the connection back to the engine, with its temporary tables."""
        if self._connection is not None:
            self._connection.close()

    def _change(self, connection: Connection, settings: Mapping[str, str]) -> None:
        self._remember(connection, [name for name in settings if name not in self._own])
        taken_off = {name: self._own[name] for name in self._worn if name not in settings}
        # Noted before it is done: should the engine refuse a value, the next request takes all of them off again.
        self._worn = {**self._worn, **settings}
        connection.set({**taken_off, **settings})
        self._worn = dict(settings)

    def _remember(self, connection: Connection, names: list[str]) -> None:
        if not names:
            return
        listed = ", ".join(map(literal, names))
        found = connection.query(f"SELECT name, changed, hex(value) FROM system.settings WHERE name IN ({listed})")
        for line in found.decode().splitlines():
            name, changed, value = line.split("\t")
            self._own[name] = bytes.fromhex(value).decode() if changed == "1" else None
        for name in names:
            if name not in self._own:
                raise Refused(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")


class Sessions:
    """The sessions by name. Used in the event loop."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._sessions: dict[str, Session] = {}

    def take(self, choice: SessionChoice) -> Session:
        """The session that a request names, made when new. Give it back. Raises `Refused`."""
        session = self._sessions.get(choice.name)
        if session is None:
            if choice.must_exist:
                raise Refused(372, "SESSION_NOT_FOUND", f"Session {choice.name} not found")
            if len(self._sessions) >= _MOST_SESSIONS:
                reason = f"Too many sessions: {_MOST_SESSIONS} are open; close some with close_session=1"
                raise Refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", reason)
            session = self._sessions[choice.name] = Session(self._connect)
        elif session.in_use:
            raise Refused(373, "SESSION_IS_LOCKED", f"Session {choice.name} is locked by a concurrent client")
        if session.expiry is not None:
            session.expiry.cancel()
        session.in_use = True
        return session

    def give_back(self, choice: SessionChoice, session: Session) -> None:
        """Keep the session for as long as the request said, or end it."""
        session.in_use = False
        if choice.closes:
            self._end(choice.name)
        else:
            loop = asyncio.get_running_loop()
            session.expiry = loop.call_later(choice.timeout_s, self._end, choice.name)

    def close(self) -> None:
        """End every session."""
        for name in list(self._sessions):
            self._end(name)

    def _end(self, name: str) -> None:
        session = self._sessions.pop(name)
        if session.expiry is not None:
            session.expiry.cancel()
        session.close()
