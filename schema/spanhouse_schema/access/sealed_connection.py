"""A connection that reads one tenant's rows, whatever the statement: in the embedded engine, or as a server's user."""

from collections.abc import Mapping
from typing import Protocol

from spanhouse_schema.access.grants import Grant, Scope
from spanhouse_schema.access.named_queries import Value
from spanhouse_schema.access.reader_seal import ReaderLimits, seal
from spanhouse_schema.access.server_users import user_of
from spanhouse_schema.clickhouse.database import Connection, Database
from spanhouse_schema.errors import UnknownKey
from spanhouse_schema.quoting import literal

_FORMAT = "JSONEachRow"
# JSON that says what a value is: times with their zone, money as text, and no byte that is not UTF-8.
_SPELLING = {
    "date_time_output_format": "iso",
    "output_format_json_quote_decimals": "1",
    "output_format_json_validate_utf8": "1",
}
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


class SealedConnection(Protocol):
    """One tenant's connection, for one thread at a time."""

    def read(self, sql: str, parameters: Mapping[str, Value]) -> bytes:
        """Return the rows of a query as lines of JSON. Raises `DatabaseError`."""

    def close(self) -> None:
        """Give it back to the engine or the server."""


def connect(database: Database, grant: Grant, secret: str, limits: ReaderLimits) -> SealedConnection:
    """Return a connection that is sealed in the tenant of `grant`. Close it. Raises `DatabaseError`, `UnknownKey`.

    The embedded engine is sealed here, by settings that its row filters read, for whatever grant. A server seals its
    own users: the reader logs in as the one that `migrate up --tenant-users` made of the key, with the key as `secret`
    (behind our own `engine` the key alone decides). So there nobody reads without a key of scope read or write.
    """
    if database.embedded:
        return _Embedded(database.connect(seal(grant.tenant, limits, _SPELLING)))
    if grant.key_id is None or grant.allows(Scope.ADMIN) or not grant.allows(Scope.READ):
        raise UnknownKey("on a ClickHouse server only a key of scope read or write reads: no other is a user there")
    user = user_of(grant)
    server = database.as_user(user, secret)
    try:
        _check_sealed(server, user)
    except BaseException:
        server.close()
        raise
    return _User(server, limits)


class _Embedded:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, sql: str, parameters: Mapping[str, Value]) -> bytes:
        return self._connection.query(sql, _FORMAT, {name: _spell(value) for name, value in parameters.items()})

    def close(self) -> None:
        self._connection.close()


class _User:
    def __init__(self, server: Database, limits: ReaderLimits) -> None:
        self._server = server
        self._settings = {**_SPELLING, "max_execution_time": str(limits.seconds)}

    def read(self, sql: str, parameters: Mapping[str, Value]) -> bytes:
        # The driver spells a parameter by its Python type, and a tuple is not an array.
        lists = {name: value if isinstance(value, str | int) else list(value) for name, value in parameters.items()}
        return self._server.text(sql, _FORMAT, parameters=lists, settings=self._settings)

    def close(self) -> None:
        self._server.close()


def _check_sealed(server: Database, user: str) -> None:
    # A tenant's user is read-only; the owner, whom no policy binds, is not.
    if server.rows("SELECT value FROM system.settings WHERE name = 'readonly'") != [("1",)]:
        raise UnknownKey(f"{user} may do more than read here, so nothing keeps it in its tenant: see docs/tenants.md")


def _spell(value: Value) -> str:
    """Return a parameter as the engine reads it: a text as a field of TabSeparated, an array as a literal."""
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    return str(value) if isinstance(value, int) else f"[{', '.join(map(literal, value))}]"
