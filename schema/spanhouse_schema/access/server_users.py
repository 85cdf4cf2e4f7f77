"""Tenants on a ClickHouse server: each key that may read becomes a user there, sealed in its tenant.

A user is `spanhouse_key_ID` with the key as password, and has one role, its tenant's, which may read the tenants'
relations and nothing else. The profile hangs on the user, not on the role: who drops the role by `SET ROLE NONE` would
drop its limits too.

The order of the statements keeps every tenant sealed after each of them: what a revoked key could do goes first,
policies come before grants, grants before whom they are for. What others refer to is altered, never replaced: replaced
it is another one, and is gone from those who had it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from spanhouse_schema.access import row_filters
from spanhouse_schema.access.grants import Grant, Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.access.row_filters import Relation
from spanhouse_schema.access.server_limits import Limits, profile_settings, quota_limits
from spanhouse_schema.access.server_policies import ALL_TENANTS, DEFAULT, OPEN, TENANT, names, policies, table
from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.errors import DatabaseError
from spanhouse_schema.quoting import identifier

# More than `spanhouse_`: an operator may well have called a user of their own `spanhouse_collector`.
_KEY = "spanhouse_key_"
_READER = "spanhouse_reader"
_PROFILE = _QUOTA = identifier("spanhouse_tenants")
_DEFAULT_LIMITS = Limits()
_CONFIGURED = frozenset({"users_xml", "users.xml", "ldap", "token"})


class Existing(NamedTuple):
    """What earlier runs left on the server: users, tenants' roles, and policies as name and table."""

    users: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    policies: frozenset[tuple[str, str]] = frozenset()


_NOTHING = Existing()


def apply(database: Database, keys: KeyStore, limits: Limits = _DEFAULT_LIMITS) -> int:
    """Make the server's users what the keys say, and return how many there are.

    Idempotent; one that failed half way leaves nobody with more than their tenant, and the next ends it. Raises
    `ControlError`, and `DatabaseError`: where this ClickHouse makes no users, or its user may not.
    """
    if not _makes_users(database):
        raise DatabaseError(
            "this ClickHouse has its users from its configuration only. The embedded engine needs no --tenant-users: "
            "its SQL door takes the keys as they are; a server needs <local_directory> or <replicated> in its "
            "<user_directories>"
        )
    grants = keys.grants()
    while True:
        for statement in planned(database, grants, limits):
            database.command(statement)
        latest = keys.grants()
        # A key that was revoked meanwhile may just have become a user, after another run had dropped it.
        if latest == grants:
            return len(_users(grants))
        grants = latest


def planned(database: Database, grants: Mapping[bytes, Grant], limits: Limits = _DEFAULT_LIMITS) -> list[str]:
    """The statements that `apply` would run now, with these live keys. Raises `DatabaseError`."""
    relations = [each for each in row_filters.relations(database) if each.database == "spanhouse"]
    if not any(relation.is_tenants for relation in relations):
        raise DatabaseError("the database has no tables for tenants yet: run `spanhouse migrate up` first")
    ((owner,),) = database.rows("SELECT currentUser()")
    return statements(grants, relations, str(owner), _existing(database), limits)


def statements(
    grants: Mapping[bytes, Grant],
    relations: Sequence[Relation],
    owner: str,
    existing: Existing = _NOTHING,
    limits: Limits = _DEFAULT_LIMITS,
) -> list[str]:
    """The statements that make a server's users what the keys say, in the order that is safe.

    `grants` are the live keys by digest; `relations` those of the database `spanhouse`, at least one for tenants;
    `owner` is the user whom no policy binds.
    """
    users = _users(grants)
    tenants = sorted({grant.tenant for _, grant in users.values()})
    wanted = policies(relations, tenants, owner)
    stale = existing.policies - {(policy.name, name) for policy in wanted for name in policy.tables}
    roles = {TENANT + tenant for tenant in tenants}
    return [
        *(f"DROP USER IF EXISTS {identifier(user)}" for user in sorted(existing.users - users.keys())),
        f"CREATE ROLE IF NOT EXISTS {names(ALL_TENANTS, _READER, *sorted(roles))}",
        *(policy.create() for policy in wanted),
        *_shared(relations, limits),
        *_created({user: digest for user, (digest, _) in users.items()}, limits),
        *(_granted(_READER, role) for role in sorted(roles)),
        *(_granted(TENANT + grant.tenant, user) for user, (_, grant) in users.items()),
        *(f"DROP ROW POLICY IF EXISTS {identifier(name)} ON {table(on)}" for name, on in sorted(stale)),
        *(f"DROP ROLE IF EXISTS {identifier(role)}" for role in sorted(existing.roles - roles)),
    ]


def user_of(grant: Grant) -> str:
    """Return the name of the user that stands for the grant's key; the key is the password."""
    return f"{_KEY}{grant.key_id}"


def _users(grants: Mapping[bytes, Grant]) -> dict[str, tuple[bytes, Grant]]:
    """The keys that become users, by the user's name: those that read.

    Not an admin key: who can write to the control database would be the server's master. On a server the owner is the
    user of the DSN.
    """
    found = {
        user_of(grant): (digest, grant)
        for digest, grant in grants.items()
        if grant.allows(Scope.READ) and not grant.allows(Scope.ADMIN)
    }
    return dict(sorted(found.items()))


def _shared(relations: Iterable[Relation], limits: Limits) -> Iterable[str]:
    yield f"CREATE SETTINGS PROFILE IF NOT EXISTS {_PROFILE}"
    yield f"ALTER SETTINGS PROFILE {_PROFILE} SETTINGS {profile_settings(limits)}"
    readable = ", ".join(f"SELECT ON {table(relation.name)}" for relation in relations if relation.is_tenants)
    yield f"GRANT {readable} TO {identifier(_READER)} WITH REPLACE OPTION"


def _created(digests: Mapping[str, bytes], limits: Limits) -> Iterable[str]:
    profile = f"DEFAULT DATABASE `spanhouse` SETTINGS PROFILE {_PROFILE}"
    for user, digest in digests.items():
        # What is kept of a key is what ClickHouse keeps of a password.
        yield f"CREATE USER IF NOT EXISTS {identifier(user)} IDENTIFIED WITH sha256_hash BY '{digest.hex()}' {profile}"
        yield f"ALTER USER {identifier(user)} {profile}"
    yield f"CREATE QUOTA IF NOT EXISTS {_QUOTA}"
    yield f"ALTER QUOTA {_QUOTA} {quota_limits(limits)} TO {names(*digests) or 'NONE'}"


def _granted(role: str, to: str) -> str:
    return f"GRANT {identifier(role)} TO {identifier(to)} WITH REPLACE OPTION"


def _existing(database: Database) -> Existing:
    if not _makes_users(database):
        return Existing()
    prefixes = {"key": _KEY, "tenant": TENANT, "shared": [DEFAULT, OPEN]}
    users = database.rows("SELECT name FROM system.users WHERE startsWith(name, {key:String})", parameters=prefixes)
    roles = database.rows("SELECT name FROM system.roles WHERE startsWith(name, {tenant:String})", parameters=prefixes)
    found = database.rows(
        "SELECT short_name, table FROM system.row_policies WHERE database = 'spanhouse' "
        "AND (startsWith(short_name, {tenant:String}) OR short_name IN {shared:Array(String)})",
        parameters=prefixes,
    )
    return Existing(
        users=frozenset(name for (name,) in users),
        roles=frozenset(name for (name,) in roles),
        policies=frozenset((name, on) for name, on in found),
    )


def _makes_users(database: Database) -> bool:
    return any(kind not in _CONFIGURED for (kind,) in database.rows("SELECT type FROM system.user_directories"))
