"""The control database: which keys exist, kept by SQLAlchemy in SQLite or PostgreSQL.

It holds the SHA-256 of each key, never the key: with 256 random bits in a key there is nothing to guess, so a
slow hash would only slow every request down.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Self

from sqlalchemy import DateTime, Engine, LargeBinary, String, create_engine, event, func, select
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeDecorator

from spanhouse_schema.access.grants import Grant, Scope
from spanhouse_schema.errors import ControlError, SettingsError
from spanhouse_schema.settings import Settings

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LOCK_WAIT_S = 10


class Key(NamedTuple):
    """One key as it is listed: all but the secret. Times are UTC; `revoked_at` is None while it is live."""

    id: str
    tenant: str
    scope: Scope
    name: str
    created_at: datetime
    revoked_at: datetime | None


class NewKey(NamedTuple):
    """A key just made: the only time that its text, `key`, can be seen."""

    id: str
    key: str
    tenant: str
    scope: Scope


class Control:
    """The control database, opened; safe to use from any thread.

    Every method raises `ControlError` when the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        try:
            self._create_table()
        except ControlError as error:
            # PostgreSQL checks, then creates: of two processes that begin with an empty database one fails, once.
            if not isinstance(error.__cause__, IntegrityError):
                raise
            self._create_table()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the control database that the settings name, making it when it is not there."""
        return cls(settings.control or _sqlite_url(settings.data_dir))

    def create_key(self, tenant: str, scope: Scope, name: str = "") -> NewKey:
        """Make a key for a tenant. Raises `ControlError` when the tenant's name is not one."""
        if not _TENANT.fullmatch(tenant):
            raise ControlError(
                f"{tenant!r} is not a tenant's name: write up to 100 letters, digits, '.', '_' and '-', "
                "beginning with a letter or a digit"
            )
        made = NewKey(secrets.token_hex(6), f"sh_{scope}_{secrets.token_urlsafe(32)}", tenant, scope)
        with self._session() as session:
            session.add(
                _KeyRow(
                    id=made.id,
                    digest=digest_of(made.key),
                    tenant=tenant,
                    scope=scope.value,
                    name=name,
                    created_at=datetime.now(UTC),
                )
            )
        return made

    def keys(self) -> list[Key]:
        """Every key that was ever made, oldest first."""
        with self._session() as session:
            rows = session.scalars(select(_KeyRow).order_by(_KeyRow.created_at, _KeyRow.id))
            return [row.listed() for row in rows]

    def revoke_key(self, key_id: str) -> Key:
        """Revoke a key; one that is revoked stays as it is. Raises `ControlError` for an unknown id."""
        with self._session() as session:
            row = session.get(_KeyRow, key_id)
            if row is None:
                raise ControlError(f"no key has the id {key_id!r}; `spanhouse keys list` shows them all")
            row.revoked_at = row.revoked_at or datetime.now(UTC)
            return row.listed()

    def counts(self) -> tuple[int, int]:
        """Count the keys made and the keys revoked. Both only grow: while they stand, so do the live keys."""
        with self._session() as session:
            made, revoked = session.execute(select(func.count(), func.count(_KeyRow.revoked_at))).one()
            return made, revoked

    def grants(self) -> dict[bytes, Grant]:
        """Return what each live key may do, by the key's digest."""
        with self._session() as session:
            rows = session.scalars(select(_KeyRow).where(_KeyRow.revoked_at.is_(None)))
            return {row.digest: Grant(row.tenant, Scope(row.scope), row.id) for row in rows}

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _create_table(self) -> None:
        with self._session() as session:
            session.execute(CreateTable(_KeyRow.__table__, if_not_exists=True))  # type: ignore[arg-type]  # declared as FromClause

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except SQLAlchemyError as error:
            shown = self._engine.url.render_as_string(hide_password=True)
            reason = str(getattr(error, "orig", error)).strip()
            raise ControlError(f"the control database {shown} cannot be used: {reason}") from error


def digest_of(key: str) -> bytes:
    """Return the 32 bytes under which a key is stored and found."""
    return sha256(key.encode()).digest()


class _Utc(TypeDecorator[datetime]):
    """A UTC time; SQLite forgets the zone and is told it again."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


class _Base(DeclarativeBase):
    pass


class _KeyRow(_Base):
    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    tenant: Mapped[str] = mapped_column(String(100))
    scope: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(_Utc)
    revoked_at: Mapped[datetime | None] = mapped_column(_Utc, default=None)

    def listed(self) -> Key:
        return Key(self.id, self.tenant, Scope(self.scope), self.name, self.created_at, self.revoked_at)


def _engine(url: str) -> Engine:
    try:
        engine = create_engine(make_url(url), pool_pre_ping=True)
    except (ArgumentError, ImportError) as error:
        raise SettingsError(
            f"SPANHOUSE_CONTROL cannot be used: {error}; write a SQLAlchemy URL whose driver is installed"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # A writer in one process (`keys create`) must neither wait for nor stop the readers in another (`up`).
    connection.execute(f"PRAGMA busy_timeout={_LOCK_WAIT_S * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")


def _sqlite_url(data_dir: Path) -> str:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = data_dir / "control.db"
        # SQLite would make it readable by others, and its journals take the mode of the file.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise ControlError(
            f"the data directory {data_dir} cannot be written: {error.strerror}; name another by --data-dir"
        ) from error
    return f"sqlite:///{path}"
