"""Open the control database, to make it, to write to it or to read it; sessions over it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, Self

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from spanhouse_schema.control import migrate, sqlite
from spanhouse_schema.errors import ControlError, NoControlDatabase, SettingsError
from spanhouse_schema.settings import ControlSettings

Access = Literal["create", "write", "read"]
"""What a process means to do: `create` makes the database when there is none; `read` leaves every file as it is."""


class ControlDatabase:
    """The control database, opened; safe to use from any thread.

    Every method raises `ControlError` when the database cannot be used.
    """

    def __init__(self, url: str, access: Access = "create") -> None:
        """Open the database at its newest revision; to create and to write, bring it there.

        Raises `NoControlDatabase` when there is none to write to or to read, `SettingsError` for a URL that is not one.
        """
        parsed = _parsed(url)
        self._shown = parsed.render_as_string(hide_password=True)
        with ExitStack() as failing, self._errors_told():
            self._find_file(parsed, access)
            self._engine = _engine(parsed, access)
            failing.callback(self.close)
            self._writer = self._engine.execution_options(sqlite_begin="IMMEDIATE")
            self._check_revision(access)
            if access != "read":
                migrate.to_head(self._writer)
            failing.pop_all()

    @classmethod
    def open(cls, settings: ControlSettings, access: Access = "create") -> Self:
        """Open the control database that the settings name. Raises like the class."""
        if not settings.control and access == "create":
            _make_directory(settings.data_dir)
        return cls(settings.control or f"sqlite:///{settings.data_dir / 'control.db'}", access)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that reads, in one transaction."""
        with self._errors_told(), Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that writes, in one transaction; committed at the end, rolled back when the block raises."""
        with self._errors_told(), Session(self._writer) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find_file(self, url: URL, access: Access) -> None:
        path = sqlite.file_of(url)
        try:
            if path and access == "create":
                sqlite.create(path)
            elif path and not path.exists():
                raise NoControlDatabase(self._nothing_here())
        except OSError as error:
            raise ControlError(f"the control database {self._shown} cannot be used: {error.strerror}") from error

    def _check_revision(self, access: Access) -> None:
        with self._engine.connect() as connection:
            stands = migrate.revision(connection)
        if stands is None:
            if access != "create":
                raise NoControlDatabase(self._nothing_here())
        elif stands > migrate.HEAD:
            raise ControlError(
                f"the control database {self._shown} is at revision {stands}, and this version of Spanhouse knows them "
                f"up to {migrate.HEAD}: install the version that brought it there, or a newer one"
            )
        elif stands < migrate.HEAD and access == "read":
            raise ControlError(
                f"the control database {self._shown} is at revision {stands}, and {migrate.HEAD} is needed: "
                "`spanhouse up` brings it there when it starts"
            )

    def _nothing_here(self) -> str:
        return (
            f"there is no control database {self._shown}: `spanhouse keys create` makes it with the first key, and "
            "`spanhouse up` when it starts; name another data directory with --data-dir"
        )

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", error)).strip()
            raise ControlError(f"the control database {self._shown} cannot be used: {reason}") from error


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        raise _unusable(error) from error


def _engine(url: URL, access: Access) -> Engine:
    path = sqlite.file_of(url) if access == "read" else None
    options = {"postgresql_readonly": True} if access == "read" else {}
    try:
        engine = create_engine(
            sqlite.read_only(url, path) if path else url, pool_pre_ping=True, execution_options=options
        )
    except (ArgumentError, ImportError) as error:
        raise _unusable(error) from error
    if engine.dialect.name == "sqlite":
        sqlite.begin_explicitly(engine)
        if access != "read":
            sqlite.share(engine)
    return engine


def _unusable(error: Exception) -> SettingsError:
    return SettingsError(
        f"SPANHOUSE_CONTROL cannot be used: {error}; write a SQLAlchemy URL, sqlite:////path/control.db or "
        "postgresql+psycopg://user:password@host/database; the latter needs `pip install 'spanhouse[postgres]'`"
    )


def _make_directory(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ControlError(
            f"the data directory {data_dir} cannot be written: {error.strerror}; name another by --data-dir"
        ) from error
