"""Give the owner's statements the connection and the settings to run with: fresh ones, or their session's."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial

from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.parameters import DEFAULT_DATABASE, Parameters
from spanhouse_api.sql.pipe import Pipe
from spanhouse_api.sql.running import Run
from spanhouse_api.sql.sessions import Session, Sessions
from spanhouse_api.sql.text.statement import Kind
from spanhouse_api.sql.upload import Upload
from spanhouse_schema import Connection, Database
from spanhouse_schema.clickhouse.database import Statistics

# chDB differs from a server in the first; the second keeps the end of long statements, by which they are cancelled.
# The last two bound what an upload takes, which goes by numbers of rows otherwise, however long these are.
_SETTINGS = {
    "implicit_select": "0",
    "log_queries_cut_to_length": "1000000000",
    "database": DEFAULT_DATABASE,
    "input_format_max_block_size_bytes": str(16 * 2**20),
    "min_insert_block_size_bytes": str(64 * 2**20),
}


class Runner:
    """Prepares statements to be run. Close it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sessions = Sessions(partial(connected, database, {}))

    @contextmanager
    def prepared(self, upload: Upload, parameters: Parameters) -> Generator[Run]:
        """What runs the statement of an upload, while the block lasts. Raises `Refused`."""
        _check_read_only(upload, parameters)
        if parameters.session is None:
            yield partial(self._run_alone, upload, parameters)
            return
        session = self._sessions.take(parameters.session)
        try:
            yield partial(self._run_in_session, session, upload, parameters)
        finally:
            self._sessions.give_back(parameters.session, session)

    def close(self) -> None:
        """End the sessions."""
        self._sessions.close()

    def _run_alone(self, upload: Upload, parameters: Parameters, pipe: Pipe, mark: bytes) -> Statistics:
        settings = self._engine_settings(parameters)
        if parameters.read_only:
            # Last: none can be changed after it.
            settings["readonly"] = settings.pop("readonly", "0").replace("0", "2")
        with connected(self._database, settings) as connection:
            return run(connection, upload, parameters, pipe, mark)

    def _run_in_session(
        self, session: Session, upload: Upload, parameters: Parameters, pipe: Pipe, mark: bytes
    ) -> Statistics:
        if not upload.statement.sets:
            settings = self._engine_settings(parameters)
            # It could not be taken off again; what changes something was refused before.
            settings.pop("readonly", None)
            return run(session.connection(settings), upload, parameters, pipe, mark)
        try:
            return run(session.connection({}), upload, parameters, pipe, mark)
        finally:
            session.forget()

    def _engine_settings(self, parameters: Parameters) -> dict[str, str]:
        database = {"database": parameters.database} if parameters.database else {}
        return {
            name: str(value) for name, value in self._database.localise({**parameters.settings, **database}).items()
        }


def connected(database: Database, settings: Mapping[str, str]) -> Connection:
    """Return a connection with these settings on top of what every statement has. Raises `DatabaseError`."""
    return database.connect({**_SETTINGS, **settings})


def run(connection: Connection, upload: Upload, parameters: Parameters, pipe: Pipe, mark: bytes) -> Statistics:
    """Run the statement of an upload; its result goes into the pipe. Raises `DatabaseError`."""
    statement, bound = upload.statement, parameters.bound
    format_ = statement.format or parameters.default_format
    if statement.kind is Kind.SELECT:
        return connection.execute(statement.into(pipe.path, format_) + mark, format_, bound)[1]
    if statement.insert is not None:
        return connection.execute(statement.insert.loading(str(upload.rows)) + mark, format_, bound)[1]
    result, statistics = connection.execute(statement.text + mark, format_, bound)
    pipe.write(result)
    return statistics


def _check_read_only(upload: Upload, parameters: Parameters) -> None:
    asked = parameters.settings.get("readonly", "0") != "0"
    if (parameters.read_only or asked) and not upload.statement.reads_only:
        reason = "Cannot execute query in readonly mode"
        if not asked:
            reason += (
                ". For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries"
            )
        raise Refused(164, "READONLY", reason)
