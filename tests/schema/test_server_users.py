"""Keys as users of a ClickHouse server: who sees what, after each statement, of whoever made them."""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from hypothesis import given
from hypothesis import settings as testing
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.access import row_filters
from spanhouse_schema.access.grants import Grant, Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.access.row_filters import Relation
from spanhouse_schema.access.server_limits import CHANGEABLE
from spanhouse_schema.access.server_policies import ALL_TENANTS, DEFAULT, OPEN, TENANT
from spanhouse_schema.access.server_users import Existing, planned, statements
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.quoting import identifier, literal
from tests.schema.access_model import Server

OWNER, BYSTANDER, FREED = "the owner", "bystander@home", "freed"

# Names that the control database accepts, and names that would mean something in a statement.
_TENANTS = ("acme", "zed", "a.b-c_D", "0", "x' OR 1 --", "back`tick\\", "`, `default", "", "ключ\n")
_RELATIONS = (
    Relation("spanhouse", "spans", "MergeTree", "TenantId"),
    Relation("spanhouse", "agents", "View", "tenant_id"),
    Relation("spanhouse", "we`ird", "ReplicatedMergeTree", "TenantId"),
    Relation("spanhouse", "spans_mv", "MaterializedView", "TenantId"),
    Relation("spanhouse", "sql_audit", "MergeTree", "TenantId"),
    Relation("spanhouse", "passing", "Null", "TenantId"),
    Relation("spanhouse", "alembic_version", "MergeTree", ""),
)
_READABLE, _ALL_TABLES = ("spans", "agents", "we`ird"), ("spans", "agents", "we`ird", "spans_mv", "sql_audit")

_any_key = st.builds(Grant, st.sampled_from(_TENANTS), st.sampled_from(Scope), st.sampled_from(["a", "b"]))
_any_grants = st.sets(_any_key, max_size=6).map(lambda keys: dict(map(_live, keys)))
# Few, so that the same come, go and come back in one history.
_FEW = [Grant(tenant, scope, "a") for tenant in ("acme", "x' OR 1 --") for scope in Scope]
_grants = st.sets(st.sampled_from(_FEW)).map(lambda keys: dict(map(_live, keys)))
_relations = st.sets(st.sampled_from(_RELATIONS[1:])).map(lambda others: [_RELATIONS[0], *sorted(others)])
# What the keys and tables are at each run, and how many statements it comes to.
_runs = st.lists(st.tuples(_grants, _relations, st.one_of(st.integers(0, 40), st.just(1000))), min_size=1, max_size=4)

on_any_history = given(runs=_runs, open_by_default=st.booleans(), theirs=st.booleans())


@on_any_history
def test_after_every_statement_a_key_reads_its_tenants_rows_at_most(
    runs: list[tuple[dict[bytes, Grant], list[Relation], int]], open_by_default: bool, theirs: bool
) -> None:
    server = _server(open_by_default, theirs)
    tenants: dict[str, str] = {}
    for grants, relations, reaches in runs:
        tenants |= {f"spanhouse_key_{grant.key_id}": grant.tenant for grant in grants.values()}
        for statement in statements(grants, relations, OWNER, _left_on(server))[:reaches]:
            server.run(statement)
            for user in server.users - {OWNER, BYSTANDER, FREED}:
                seen = {tenant for table in _READABLE for tenant in _TENANTS if _reads(server, user, table, tenant)}
                assert seen <= {tenants[user]}, statement


@on_any_history
def test_what_a_run_ends_with_is_what_the_keys_and_the_tables_are(
    runs: list[tuple[dict[bytes, Grant], list[Relation], int]], open_by_default: bool, theirs: bool
) -> None:
    server = _server(open_by_default, theirs)
    tenants: dict[str, str] = {}
    for grants, relations, reaches in runs:
        tenants |= {f"spanhouse_key_{grant.key_id}": grant.tenant for grant in grants.values()}
        _run(server, statements(grants, relations, OWNER, _left_on(server))[:reaches])
    _run(server, statements(grants, relations, OWNER, _left_on(server)))

    reading = {f"spanhouse_key_{g.key_id}": g.tenant for g in grants.values() if g.scope in {"read", "write"}}
    assert server.users - {OWNER, BYSTANDER, FREED} == set(reading)
    there = {relation.name for relation in relations}
    for table in there & set(_ALL_TABLES):
        for tenant in _TENANTS:
            for user, own in reading.items():
                assert _reads(server, user, table, tenant) == (own == tenant and table in _READABLE)
                nobody = frozenset({server.ids[user]})
                assert not server.shows(table, tenant, nobody), "after SET ROLE NONE"
            assert server.shows(table, tenant, server.enabled(OWNER))
            assert not server.shows(table, tenant, server.enabled(BYSTANDER)), "a user of anybody else"
            freed = server.enabled(FREED) | {server.ids[ALL_TENANTS]}
            assert server.shows(table, tenant, freed), "whom the operator frees"


@on_any_history
def test_running_again_changes_nothing(
    runs: list[tuple[dict[bytes, Grant], list[Relation], int]], open_by_default: bool, theirs: bool
) -> None:
    server = _server(open_by_default, theirs)
    for grants, relations, _ in runs[-1:]:
        _run(server, statements(grants, relations, OWNER, _left_on(server)))
        before = _state(server)
        again = statements(grants, relations, OWNER, _left_on(server))
        assert not [statement for statement in again if statement.startswith("DROP")]
        _run(server, again)
        assert _state(server) == before


def test_a_user_has_the_two_roles_of_two_tenants_and_sees_neither() -> None:
    grants = {_digest(1): Grant("acme", Scope.READ, "a"), _digest(2): Grant("zed", Scope.READ, "b")}
    server = _server(open_by_default=True, theirs=True)
    _run(server, statements(grants, _RELATIONS, OWNER))
    both = server.enabled("spanhouse_key_a") | server.enabled("spanhouse_key_b")
    assert not any(server.shows("spans", tenant, both) for tenant in _TENANTS)


def test_keys_that_read_become_users_with_the_key_as_password_and_no_others_do(tmp_path: Path) -> None:
    with ControlDatabase(f"sqlite:///{tmp_path}/control.db") as control:
        keys = KeyStore(control)
        made = {scope: keys.create("acme", scope) for scope in Scope}
        revoked = keys.create("acme", Scope.READ)
        keys.revoke(revoked.id)
        created = [each for each in statements(keys.grants(), _RELATIONS, OWNER) if each.startswith("CREATE USER")]
    assert len(created) == 2
    for scope in (Scope.READ, Scope.WRITE):
        digest = sha256(made[scope].key.encode()).hexdigest()
        user = f"CREATE USER IF NOT EXISTS `spanhouse_key_{made[scope].id}` IDENTIFIED WITH sha256_hash BY '{digest}' "
        assert any(each.startswith(user) for each in created)


def test_the_key_of_a_user_goes_first_when_it_is_revoked_and_the_last_of_a_tenant_takes_the_tenant_along() -> None:
    server = _server(open_by_default=True, theirs=False)
    both = {_digest(1): Grant("acme", Scope.READ, "a"), _digest(2): Grant("zed", Scope.READ, "b")}
    _run(server, statements(both, _RELATIONS, OWNER))
    after = statements({_digest(1): both[_digest(1)]}, _RELATIONS, OWNER, _left_on(server))
    assert after[0] == "DROP USER IF EXISTS `spanhouse_key_b`"
    dropped = [each for each in after[1:] if each.startswith("DROP")]
    assert dropped == [
        *(f"DROP ROW POLICY IF EXISTS `{TENANT}zed` ON {on}" for on in sorted(map(_table, _READABLE))),
        f"DROP ROLE IF EXISTS `{TENANT}zed`",
    ]


@testing(max_examples=30, deadline=None)
@given(grants=_any_grants, relations=_relations, owner=st.sampled_from(_TENANTS[:-2]))
def test_every_statement_is_one_for_clickhouse(
    database: Database, grants: dict[bytes, Grant], relations: list[Relation], owner: str
) -> None:
    old = frozenset(f"{TENANT}{tenant}" for tenant in _TENANTS)
    existing = Existing(old, old, frozenset((name, name) for name in old))
    written = statements(grants, relations, owner, existing)
    parsed = _parsed(database, written)
    assert _parsed(database, parsed) == parsed, "what ClickHouse makes of it means the same"
    for statement, canonical in zip(written, parsed, strict=True):
        assert statement.split("`")[0] == canonical[: len(statement.split("`")[0])]


@testing(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_text_quoted_is_that_text_and_no_more(database: Database, text: str) -> None:
    answer = database.text(f"SELECT {literal(text)} AS {identifier(text)}", "JSONEachRow")
    assert json.loads(answer) == {text: text}


def test_every_relation_with_tenants_rows_is_closed_by_default(database: Database) -> None:
    written = planned(database, {_digest(1): Grant("acme", Scope.READ, "a")})
    server = _server(open_by_default=True, theirs=True)
    ((owner,),) = database.rows("SELECT currentUser()")
    server.ids[owner] = -1
    _run(server, written)
    held = [each for each in row_filters.relations(database) if each.database == "spanhouse" and each.tenant_column]
    assert len(held) > 20
    for relation in held:
        if relation.engine != "Null":
            assert {(DEFAULT, relation.name), (OPEN, relation.name)} <= server.policies.keys()
        assert server.may_read("spanhouse_key_a", relation.name) == relation.is_tenants
    for relation in filter(lambda each: each.is_tenants, held):
        condition = f"{identifier(relation.tenant_column)} = 'nobody'"
        assert database.rows(f"SELECT count() FROM spanhouse.{relation.name} WHERE {condition}") == [(0,)]


def test_the_settings_of_the_profile_exist_and_none_that_may_change_leads_out(database: Database) -> None:
    names = {"names": list(CHANGEABLE)}
    found = database.rows("SELECT name FROM system.settings WHERE name IN {names:Array(String)}", parameters=names)
    assert sorted(name for (name,) in found) == sorted(CHANGEABLE)
    assert not [
        each for each in CHANGEABLE if any(part in each for part in ("schema", "url", "path", "memory", "allow"))
    ]


def _server(open_by_default: bool, theirs: bool) -> Server:
    """A server with users of others; with `theirs` another's policy shows everything to everybody."""
    server = Server(OWNER, BYSTANDER, FREED, open_by_default=open_by_default)
    for table in _ALL_TABLES if theirs else ():
        server.run(f"CREATE ROW POLICY OR REPLACE `theirs` ON {_table(table)} AS PERMISSIVE FOR SELECT USING 1 TO ALL")
    return server


def _left_on(server: Server) -> Existing:
    ours = {policy for policy in server.policies if policy[0] in {DEFAULT, OPEN} or policy[0].startswith(TENANT)}
    users = server.users - {OWNER, BYSTANDER, FREED}
    return Existing(
        frozenset(users), frozenset(each for each in server.ids if each.startswith(TENANT)), frozenset(ours)
    )


def _run(server: Server, written: Iterable[str]) -> None:
    for statement in written:
        server.run(statement)


def _reads(server: Server, user: str, table: str, tenant: str) -> bool:
    return server.may_read(user, table) and server.shows(table, tenant, server.enabled(user))


def _state(server: Server) -> tuple[object, ...]:
    return dict(server.ids), set(server.users), dict(server.members), dict(server.readable), dict(server.policies)


def _parsed(database: Database, written: Iterable[str]) -> list[str]:
    query = "SELECT formatQuerySingleLine({text:String})"
    return [database.rows(query, parameters={"text": statement})[0][0] for statement in written]


def _live(grant: Grant) -> tuple[bytes, Grant]:
    """The grant with an id that no other has, as ids are random, and the digest of its key."""
    digest = sha256(repr(grant).encode()).digest()
    return digest, grant._replace(key_id=digest.hex()[:12])


def _digest(number: int) -> bytes:
    return sha256(bytes([number])).digest()


def _table(name: str) -> str:
    return f"`spanhouse`.{identifier(name)}"
