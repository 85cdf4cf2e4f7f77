"""Keys: made, listed and revoked in the control database.

It holds the SHA-256 of each key, never the key: with 256 random bits in a key there is nothing to guess, so a
slow hash would only slow every request down.
"""

import re
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import func, select

from spanhouse_schema.access.grants import Grant, Scope
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.control.tables import KeyRow
from spanhouse_schema.errors import ControlError

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


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


class KeyStore:
    """The keys in a control database; safe to use from any thread. Who opened the database closes it.

    Every method raises `ControlError` when the database cannot be used.
    """

    def __init__(self, database: ControlDatabase) -> None:
        self._database = database

    def create(self, tenant: str, scope: Scope, name: str = "") -> NewKey:
        """Make a key for a tenant. Raises `ControlError` when the tenant's name is not one."""
        if not _TENANT.fullmatch(tenant):
            raise ControlError(
                f"{tenant!r} is not a tenant's name: write up to 100 letters, digits, '.', '_' and '-', "
                "beginning with a letter or a digit"
            )
        made = NewKey(secrets.token_hex(6), f"sh_{scope}_{secrets.token_urlsafe(32)}", tenant, scope)
        with self._database.writing() as session:
            session.add(
                KeyRow(
                    id=made.id,
                    digest=digest_of(made.key),
                    tenant=tenant,
                    scope=scope.value,
                    name=name,
                    created_at=datetime.now(UTC),
                )
            )
        return made

    def list(self) -> list[Key]:
        """Return every key that was ever made, oldest first."""
        with self._database.reading() as session:
            return [_listed(row) for row in session.scalars(select(KeyRow).order_by(KeyRow.created_at, KeyRow.id))]

    def revoke(self, key_id: str) -> Key:
        """Revoke a key; one that is revoked stays as it is. Raises `ControlError` for an unknown id."""
        with self._database.writing() as session:
            row = session.get(KeyRow, key_id)
            if row is None:
                raise ControlError(f"no key has the id {key_id!r}; `spanhouse keys list` shows them all")
            row.revoked_at = row.revoked_at or datetime.now(UTC)
            return _listed(row)

    def counts(self) -> tuple[int, int]:
        """Count the keys made and the keys revoked. Both only grow: while they stand, so do the live keys."""
        with self._database.reading() as session:
            made, revoked = session.execute(select(func.count(), func.count(KeyRow.revoked_at))).one()
            return made, revoked

    def grants(self) -> dict[bytes, Grant]:
        """Return what each live key may do, by the key's digest."""
        with self._database.reading() as session:
            rows = session.scalars(select(KeyRow).where(KeyRow.revoked_at.is_(None)))
            return {row.digest: Grant(row.tenant, Scope(row.scope), row.id) for row in rows}


def digest_of(key: str) -> bytes:
    """Return the 32 bytes under which a key is stored and found."""
    return sha256(key.encode()).digest()


def _listed(row: KeyRow) -> Key:
    return Key(row.id, row.tenant, Scope(row.scope), row.name, row.created_at, row.revoked_at)
