"""What a key may do, and for which tenant."""

from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """What a key was made for.

    `ingest` exports telemetry, `read` queries it, `write` does both and changes what the API lets change,
    `admin` does everything, whatever the tenant.
    """

    INGEST = "ingest"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def allows(self, asked: "Scope") -> bool:
        """Whether a key of this scope may do what `asked` stands for."""
        return asked is self or asked in _ALSO[self]


_ALSO = {
    Scope.INGEST: frozenset[Scope](),
    Scope.READ: frozenset[Scope](),
    Scope.WRITE: frozenset({Scope.INGEST, Scope.READ}),
    Scope.ADMIN: frozenset(Scope),
}


class Grant(NamedTuple):
    """What one request may do: the tenant it acts for, its scope, and the key it came with (None: no key)."""

    tenant: str
    scope: Scope
    key_id: str | None

    def allows(self, asked: Scope) -> bool:
        """Whether this grant covers what `asked` stands for."""
        return self.scope.allows(asked)
