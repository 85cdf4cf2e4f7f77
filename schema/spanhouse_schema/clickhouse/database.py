"""`Database`: the one way to ClickHouse, embedded (chDB) or a server, and the only place that makes a client."""

import json
import queue
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol, Self
from urllib.parse import parse_qs

import clickhouse_connect
from clickhouse_connect.dbapi.connection import Connection as DbapiConnection
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from clickhouse_connect.driver.httputil import get_pool_manager

from spanhouse_schema.clickhouse.dsn import Server, with_user
from spanhouse_schema.clickhouse.engine import configure, connection_string, keep_row_filters, keep_schema, open_engine
from spanhouse_schema.errors import DatabaseError, DatabaseUnavailable, InputUnreadable, StatementFailed
from spanhouse_schema.quoting import literal
from spanhouse_schema.settings import StorageSettings

Parameters = Mapping[str, Any]
EngineSettings = Mapping[str, str | int]

# Whole before it is answered, and one block for each partition: that is what a deduplication token is kept for.
_ROWS_SETTINGS: EngineSettings = {"async_insert": 0, "input_format_parallel_parsing": 0}
_IDLE_CLIENTS = 8
_JSON_ROWS = "JSONCompactEachRow"
# Answers that say "later", not "no": too many queries, timeouts, network, Keeper, a table that is read-only for now.
_RETRYABLE_CODES = frozenset({159, 164, 202, 209, 210, 242, 279, 319, 425, 439, 745, 999})
_INPUT_FORMAT = re.compile(r"RowInputFormat|ParallelParsingBlockInputFormat|while parsing", re.IGNORECASE)
# Where ClickHouse says what it was doing: at the end, behind whatever it quotes of the rows.
_END_OF_MESSAGE = 300
# The format's schema does not fit the table, or cannot be read: that says nothing of the rows.
_SCHEMA_CODES = frozenset({36, 434, 436, 437, 438, 439})


class Database:
    """ClickHouse, wherever it runs. Safe to call from any thread; every call may run beside the others.

    Statements are trusted: they come from our files and from the owner's door, never from a tenant.
    """

    def __init__(self, settings: StorageSettings) -> None:
        """Take what is there as it is, and make nothing; a server is asked nothing yet.

        Raises `NoDatabase` where the embedded database has not been made, `DatabaseBusy` when another process holds it.
        """
        self.embedded = settings.embedded
        self._settings = settings
        self._idle: queue.LifoQueue[Client] = queue.LifoQueue(_IDLE_CLIENTS)
        self._engine = ""
        # None: the driver's own, which trusts what the machine trusts.
        self._pool = None if self.embedded else _pinned_pool(Server.of(settings.clickhouse))
        self._running = ExitStack()
        if self.embedded:
            self._start_engine()

    @classmethod
    def open(cls, settings: StorageSettings, *, engine_memory: int | None = None) -> Self:
        """Open what `settings` name, and make it where it is not there.

        `engine_memory` is the most that the embedded engine may use, in bytes; None leaves that as it was. Raises
        `DatabaseBusy` when another process holds the embedded directory, `DatabaseUnavailable` when the server does not
        answer, and `DatabaseError` when it refuses us.
        """
        if settings.embedded:
            configure(settings.data_dir, engine_memory)
        database = cls(settings)
        try:
            database.command("CREATE DATABASE IF NOT EXISTS spanhouse")
        except DatabaseError:
            database.close()
            raise
        return database

    @cached_property
    def timezone(self) -> str:
        """Return where a day begins, as the installation says; read once. Raises `DatabaseError`."""
        from spanhouse_schema.clickhouse import installation  # noqa: PLC0415  # it reads through this class

        return installation.read(self).timezone

    def command(
        self, sql: str, *, parameters: Parameters | None = None, settings: EngineSettings | None = None
    ) -> None:
        """Run a statement that returns nothing. Raises `DatabaseError`."""
        with self._client() as client:
            client.command(sql, parameters=dict(parameters or {}), settings=dict(settings or {}))

    def rows(
        self, sql: str, *, parameters: Parameters | None = None, settings: EngineSettings | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of a query, as Python values. Raises `DatabaseError`."""
        with self._client() as client:
            result = client.query(sql, parameters=dict(parameters or {}), settings=dict(settings or {}))
            return [tuple(row) for row in result.result_rows]

    def text(
        self,
        sql: str,
        fmt: str,
        *,
        parameters: Parameters | None = None,
        settings: EngineSettings | None = None,
    ) -> bytes:
        """The result of a query in the ClickHouse format `fmt`. Raises `DatabaseError`."""
        with self._client() as client:
            return client.raw_query(sql, fmt=fmt, parameters=dict(parameters or {}), settings=dict(settings or {}))

    def insert_file(self, table: str, path: Path, fmt: str, *, settings: EngineSettings) -> None:
        """Insert the rows of the file `path`, which is in the ClickHouse format `fmt`, as one INSERT.

        Raises `InputUnreadable` when the file is not in that format (nothing was written), `DatabaseUnavailable`
        when trying again may help, `StatementFailed` for any other refusal (some rows may have been written).
        """
        with self._client() as client:
            if self.embedded:
                # The engine reads the file itself: handing it the bytes would copy them twice.
                client.command(_infile(table, path, fmt, self.localise(settings)))
            else:
                with path.open("rb") as file:
                    client.raw_insert(table, insert_block=file, fmt=fmt, settings=dict(settings))

    def insert_rows(self, table: str, rows: Iterable[Mapping[str, Any]], *, token: str, scratch: Path) -> None:
        """Insert rows, each by the names of its columns, as one INSERT; under a token that was used it does nothing.

        `scratch` is a file to write them to, which is gone afterwards. Raises `OSError`, and what `insert_file` raises.
        """
        scratch.write_bytes(b"".join(map(_json_line, rows)))
        try:
            settings = {**_ROWS_SETTINGS, "insert_deduplication_token": token}
            self.insert_file(table, scratch, "JSONEachRow", settings=settings)
        finally:
            scratch.unlink(missing_ok=True)

    def localise(self, settings: EngineSettings) -> dict[str, str | int]:
        """The settings of a statement as the embedded engine can take them; whoever uses `connect` asks for this."""
        return keep_schema(self._settings.data_dir, settings)

    def filter_rows(self, row_filters: str) -> None:
        """Put these row filters of readers in force, as XML of the engine's users; a server has policies instead.

        The embedded engine reads them only when it starts: after a change it is closed and opened anew, so call this
        while nobody else has a connection. Raises `DatabaseError`.
        """
        if self.embedded and keep_row_filters(self._settings.data_dir, row_filters):
            self.close()
            self._start_engine()

    @contextmanager
    def session(self) -> Generator["Session"]:
        """A session, in which temporary tables last. Raises `DatabaseError` when the server does not answer."""
        if self.embedded:
            with self.connect() as connection:
                yield _EmbeddedSession(connection)
            return
        client = self._create(autogenerate_session_id=True)
        try:
            yield _ServerSession(client)
        finally:
            client.close()

    def connect(self, settings: Mapping[str, str] | None = None) -> "Connection":
        """Return a connection to the embedded engine with session state of its own, and these settings. Close it.

        They are set in their order, so `readonly` comes last. Raises `DatabaseError`.
        """
        connection = Connection(self._engine)
        try:
            connection.set(settings or {})
        except BaseException:
            connection.close()
            raise
        return connection

    def as_user(self, user: str, password: str) -> "Database":
        """Return the same server as another of its users sees it. Close it."""
        target = with_user(self._settings.clickhouse, user, password)
        return Database(self._settings.model_copy(update={"clickhouse": target}))

    def kill(self, mark: str) -> None:
        """Cancel what runs in the embedded engine and whose text ends in `-- MARK`. Raises `DatabaseError`.

        chDB gives each statement an id that it does not tell. One that has not begun goes on: ask again until it ends.
        """
        self.command(f"KILL QUERY WHERE query LIKE '%-- {mark}' ASYNC")

    def dbapi(self) -> DbapiConnection:
        """A DB-API connection, which is what SQLAlchemy and so Alembic speak."""
        return DbapiConnection(**self._target())

    def close(self) -> None:
        """Close every connection; the embedded engine stops with the last one."""
        while not self._idle.empty():
            self._idle.get_nowait().close()
        self._running.close()

    def _start_engine(self) -> None:
        self._engine = self._running.enter_context(connection_string(self._settings.data_dir))
        # One connection stays open: the engine lives as long as its last connection.
        self._running.enter_context(self.connect())

    @contextmanager
    def _client(self) -> Generator[Client]:
        try:
            client = self._idle.get_nowait() if not self._idle.empty() else self._create()
        except queue.Empty:
            client = self._create()
        succeeded = False
        try:
            yield client
            succeeded = True
        except (ClickHouseError, UnicodeDecodeError) as error:
            _raise(error)
        finally:
            # In whatever state a failure left it, nobody else is to meet it.
            self._give_back(client) if succeeded else client.close()

    def _give_back(self, client: Client) -> None:
        try:
            self._idle.put_nowait(client)
        except queue.Full:
            client.close()

    def _create(self, **options: Any) -> Client:
        try:
            client = clickhouse_connect.get_client(**self._target() | options)
        except ClickHouseError as error:
            _raise(error)
        return client

    def _target(self) -> dict[str, Any]:
        if self.embedded:
            path, _, options = self._engine.partition("?")
            return {
                "interface": "chdb",
                "path": path,
                "chdb_options": {k: v[0] for k, v in parse_qs(options).items()},
            }
        server = Server.of(self._settings.clickhouse)
        return {
            "host": server.host,
            "port": server.port,
            "username": server.user,
            "password": server.password,
            "secure": server.secure,
            **({"pool_mgr": self._pool} if self._pool else {}),
            # Calls run side by side, which a ClickHouse session would forbid.
            "autogenerate_session_id": False,
        }


class Session(Protocol):
    """Statements in one session, one after the other."""

    def command(self, sql: str, parameters: Mapping[str, str] | None = None) -> None:
        """Run a statement that returns nothing. Raises `DatabaseError`."""

    def text(self, sql: str, fmt: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The result of a query in the ClickHouse format `fmt`. Raises `DatabaseError`."""

    def insert(self, table: str, rows: Path, fmt: str, settings: EngineSettings) -> None:
        """Insert the rows of a file, in the ClickHouse format `fmt`, into a table, or columns of one.

        The columns stand behind the table's name, in parentheses. Raises `DatabaseError`.
        """

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[list[Any]]:
        """The rows of a query, as JSON spells their values. Raises `DatabaseError`."""


class _EmbeddedSession:
    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    def command(self, sql: str, parameters: Mapping[str, str] | None = None) -> None:
        self._connection.query(sql, parameters=parameters)

    def text(self, sql: str, fmt: str, parameters: Mapping[str, str] | None = None) -> bytes:
        return self._connection.query(sql, fmt, parameters)

    def insert(self, table: str, rows: Path, fmt: str, settings: EngineSettings) -> None:
        self._connection.query(_infile(table, rows, fmt, settings))

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[list[Any]]:
        return _json_rows(self.text(sql, _JSON_ROWS, parameters))


class _ServerSession:
    def __init__(self, client: Client) -> None:
        self._client = client

    def command(self, sql: str, parameters: Mapping[str, str] | None = None) -> None:
        try:
            self._client.command(sql, parameters=dict(parameters or {}))
        except ClickHouseError as error:
            _raise(error)

    def text(self, sql: str, fmt: str, parameters: Mapping[str, str] | None = None) -> bytes:
        try:
            return self._client.raw_query(sql, fmt=fmt, parameters=dict(parameters or {}))
        except ClickHouseError as error:
            _raise(error)

    def insert(self, table: str, rows: Path, fmt: str, settings: EngineSettings) -> None:
        try:
            with rows.open("rb") as file:
                self._client.raw_insert(table, insert_block=file, fmt=fmt, settings=dict(settings))
        except ClickHouseError as error:
            _raise(error)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[list[Any]]:
        return _json_rows(self.text(sql, _JSON_ROWS, parameters))


def _json_rows(text: bytes) -> list[list[Any]]:
    return [json.loads(line) for line in text.splitlines()]


class Statistics(NamedTuple):
    """What a statement read, wrote and gave back, and how long it took."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0


class Connection:
    """One connection to the embedded engine: `SET` and `USE` on it last until it is closed.

    Not for two threads at once.
    """

    def __init__(self, engine: str) -> None:
        self._handle = open_engine(engine)

    def set(self, settings: Mapping[str, str | None]) -> None:
        """Set these in this order; None is the engine's default. Raises `StatementFailed`."""
        if settings:
            values = (f"{name} = {'DEFAULT' if value is None else literal(value)}" for name, value in settings.items())
            self.query(f"SET {', '.join(values)}")

    def query(self, sql: str | bytes, fmt: str = "TabSeparated", parameters: Mapping[str, str] | None = None) -> bytes:
        """Run a statement, and return its whole result in `fmt` unless the statement names a format itself.

        Raises `StatementFailed` with ClickHouse's own message and code.
        """
        return self.execute(sql, fmt, parameters)[0]

    def execute(
        self, sql: str | bytes, fmt: str = "TabSeparated", parameters: Mapping[str, str] | None = None
    ) -> tuple[bytes, Statistics]:
        """Run a statement as `query` does, and say too what it read and wrote."""
        try:
            # Bytes are taken as well, and needed: a string in a statement need not be UTF-8.
            result = self._handle.query(sql, fmt, params=dict(parameters or {}))  # type: ignore[arg-type]  # see above
        except (RuntimeError, UnicodeDecodeError) as error:
            raise _statement_failed(_message(error)) from error
        return bytes(result.bytes() or b""), Statistics(
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            result_rows=result.rows_read(),
            result_bytes=result.bytes_read(),
            elapsed_ns=int(result.elapsed() * 1e9),
        )

    def stream(self, sql: str, fmt: str, parameters: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """The result of a query, piece by piece; closing the iterator cancels the query.

        Each piece is written by itself, so `fmt` must be one whose pieces make a whole: TabSeparated, CSV, Native,
        RowBinary, JSONEachRow. Raises `StatementFailed`, also between pieces.
        """
        try:
            result = self._handle.send_query(sql, fmt, params=dict(parameters or {}))
        except (RuntimeError, UnicodeDecodeError) as error:
            raise _statement_failed(_message(error)) from error
        try:
            for piece in result:
                yield bytes(piece.bytes())
        except (RuntimeError, UnicodeDecodeError) as error:
            raise _statement_failed(_message(error)) from error
        finally:
            result.close()  # type: ignore[no-untyped-call]  # chDB annotates most of its methods, not this one

    def close(self) -> None:
        """Give the connection back to the engine."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pinned_pool(server: Server) -> Any:
    """Return HTTP connections for a server that has to show one certificate; None for any other."""
    return get_pool_manager(ssl_context=server.tls(), assert_hostname=False) if server.certificate else None


def _json_line(row: Mapping[str, Any]) -> bytes:
    # A text may hold surrogates, which ClickHouse refuses when they are escaped; encoded, they are "?".
    return json.dumps(row, ensure_ascii=False).encode(errors="replace") + b"\n"


def _infile(table: str, path: Path, fmt: str, settings: EngineSettings) -> str:
    values = ", ".join(f"{name} = {literal(str(value))}" for name, value in settings.items())
    clause = f"SETTINGS {values} " if values else ""
    return f"INSERT INTO {table} FROM INFILE {literal(str(path.resolve()))} {clause}FORMAT {fmt}"


def _raise(error: ClickHouseError | UnicodeDecodeError) -> NoReturn:
    message = _message(error)
    code = int(getattr(error, "code", 0) or 0) or _statement_failed(message).code
    if code in _RETRYABLE_CODES or (code == 0 and isinstance(error, OperationalError)):
        raise DatabaseUnavailable(_no_answer(error) or message, code) from error
    if code not in _SCHEMA_CODES and _INPUT_FORMAT.search(message[-_END_OF_MESSAGE:]):
        raise InputUnreadable(message, code) from error
    raise StatementFailed(message, code) from error


def _no_answer(error: Exception) -> str:
    """What the driver says of a connection that failed, without what its libraries made of it; '' of anything else."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    target = re.search(r"\((https?://[^()]+)\)$", str(error))
    return f"nothing answers at {target[1]}: {cause.strerror or cause}" if cause and target else ""


def _message(error: Exception) -> str:
    # chDB hands ClickHouse's message over as text, and fails at one that quotes bytes which are none.
    undecoded = error if isinstance(error, UnicodeDecodeError) else error.__context__
    return undecoded.object.decode(errors="replace") if isinstance(undecoded, UnicodeDecodeError) else str(error)


def _statement_failed(message: str) -> StatementFailed:
    text = message[message.find("Code: ") :] if "Code: " in message else message
    found = re.match(r"Code: (\d+)", text)
    return StatementFailed(text.strip(), int(found[1]) if found else 0)
