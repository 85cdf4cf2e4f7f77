"""Tenants as users of a real ClickHouse server, asked over HTTP as any client asks."""

from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import httpx
import pytest

from spanhouse_schema import Database
from spanhouse_schema.access import row_filters, server_users
from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore, NewKey
from spanhouse_schema.access.row_filters import Relation
from spanhouse_schema.access.server_policies import ALL_TENANTS, DEFAULT, OPEN
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.quoting import identifier, literal
from tests.support.process import run
from tests.support.stores import SERVER, served

pytestmark = pytest.mark.skipif(not SERVER, reason="SPANHOUSE_TEST_CLICKHOUSE names no ClickHouse server")

# Of the operator's own, under a name that begins as ours do.
_THEIRS = "spanhouse_collector_of_the_tests"
_PASSWORD = "of the operator's choice"

# Access denied, a setting that may not be changed.
_REFUSALS = frozenset({"497", "164"})
_WRONG_PASSWORD = "516"


class Tenants(NamedTuple):
    """Two tenants with a row each in every table, and their keys."""

    database: Database
    keys: KeyStore
    acme: NewKey
    zed: NewKey
    tables: list[Relation]

    def apply(self) -> None:
        """Make the server's users what the keys say now."""
        server_users.apply(self.database, self.keys)

    def access(self) -> list[tuple[str, ...]]:
        """Everything that the server says of users, roles, policies, quotas, profiles and grants."""
        return sorted(self.database.rows("SHOW ACCESS"))


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Generator[Tenants]:
    directory = tmp_path_factory.mktemp("tenants")
    with served(SERVER, directory) as database, ControlDatabase(f"sqlite:///{directory}/control.db") as control:
        keys = KeyStore(control)
        acme, zed = (keys.create(f"{name}-{uuid4().hex[:8]}", Scope.READ) for name in ("acme", "zed"))
        tables = [each for each in row_filters.relations(database) if each.is_tenants and each.engine != "View"]
        for table in tables:
            for tenant in (acme.tenant, zed.tenant):
                database.command(f"INSERT INTO {_name(table)} ({table.tenant_column}) VALUES ({literal(tenant)})")
        made = Tenants(database, keys, acme, zed, tables)
        made.apply()
        try:
            yield made
        finally:
            _leave_nothing(made)


@pytest.fixture
def theirs(tenants: Tenants) -> Generator[str]:
    """A user of the operator's own, who may read everything, and a policy of theirs that shows everything to all."""
    user = identifier(_THEIRS)
    run_all = tenants.database.command
    run_all(f"CREATE USER OR REPLACE {user} IDENTIFIED WITH sha256_password BY {literal(_PASSWORD)}")
    run_all(f"GRANT SELECT, INSERT ON spanhouse.* TO {user}")
    run_all("CREATE ROW POLICY OR REPLACE of_theirs ON spanhouse.otel_traces USING 1 TO ALL")
    try:
        yield _THEIRS
    finally:
        run_all("DROP ROW POLICY IF EXISTS of_theirs ON spanhouse.otel_traces")
        run_all(f"DROP USER IF EXISTS {user}")


def test_a_tenants_user_reads_its_rows_of_every_table_and_no_others(tenants: Tenants) -> None:
    for key in (tenants.acme, tenants.zed):
        for table in tenants.tables:
            seen = _ask(key, f"SELECT DISTINCT {table.tenant_column} FROM {_name(table)}")
            assert (seen.status_code, seen.text.split()) == (200, [key.tenant]), table


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO otel_traces (TenantId) VALUES ('other')",
        "ALTER TABLE otel_traces DELETE WHERE 1",
        "DROP TABLE otel_traces",
        "CREATE TABLE mine (a UInt8) ENGINE = Memory",
        "SELECT count() FROM otel_traces_mv",
        "SELECT count() FROM otlp_scope_spans_mv",
        "SELECT count() FROM sql_audit",
        "SELECT count() FROM alembic_version",
        "SELECT count() FROM system.users",
        "SELECT count() FROM system.processes",
        "SELECT count() FROM system.parts",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1', 'spanhouse', 'otel_traces')",
        "SELECT count() FROM merge('spanhouse', '_mv$')",
        "SELECT file('/etc/passwd')",
        "SET readonly = 0",
        "SET max_memory_usage = 0",
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SELECT 1 SETTINGS max_execution_time = 100000",
        f"GRANT `{ALL_TENANTS}` TO CURRENT_USER",
        f"SET ROLE `{ALL_TENANTS}`",
        "CREATE ROW POLICY mine ON otel_traces USING 1 TO ALL",
        "SYSTEM FLUSH LOGS",
    ],
)
def test_a_tenants_user_is_refused_everything_but_reading(tenants: Tenants, sql: str) -> None:
    refused = _ask(tenants.acme, sql)
    assert refused.status_code >= 400, refused.text
    assert tenants.zed.tenant not in refused.text
    assert "root:" not in refused.text


def test_without_its_role_a_tenants_user_reads_nothing(tenants: Tenants) -> None:
    session = {"session_id": uuid4().hex}
    assert _ask(tenants.acme, "SET ROLE NONE", **session).status_code == 200
    assert _code(_ask(tenants.acme, "SELECT count() FROM otel_traces", **session)) in _REFUSALS
    assert _code(_ask(tenants.acme, "SET max_memory_usage = 0", **session)) in _REFUSALS


def test_what_clients_and_grafana_set_may_be_set(tenants: Tenants) -> None:
    rows = "SELECT count() FROM otel_traces"
    assert _ask(tenants.acme, rows, max_execution_time="65", limit="10").status_code == 200
    for condition in ("0", f"TenantId = \\'{tenants.zed.tenant}\\'"):
        narrowed = _ask(tenants.acme, rows, additional_table_filters=f"{{'spanhouse.otel_traces': '{condition}'}}")
        assert narrowed.text == "0\n"
    quoted = _ask(tenants.acme, "SELECT 1 AS a FORMAT JSONEachRow", output_format_json_quote_64bit_integers="1")
    assert quoted.status_code == 200


def test_the_catalogue_shows_what_may_be_read_and_the_quota_counts(tenants: Tenants) -> None:
    shown = _ask(tenants.acme, "SELECT name FROM system.tables WHERE database = 'spanhouse'").text.split()
    readable = {each.name for each in row_filters.relations(tenants.database) if each.is_tenants}
    assert set(shown) == readable
    assert _ask(tenants.acme, "SELECT quota_name FROM system.quota_usage LIMIT 1").text == "spanhouse_tenants\n"


def test_a_user_of_the_operators_own_sees_nothing_until_freed_and_is_never_dropped(
    tenants: Tenants, theirs: str
) -> None:
    either = f"{literal(tenants.acme.tenant)}, {literal(tenants.zed.tenant)}"
    both = f"SELECT uniqExact(TenantId) FROM otel_traces WHERE TenantId IN ({either})"
    assert _ask_as(theirs, _PASSWORD, both).text == "0\n"
    assert _ask_as(theirs, _PASSWORD, "SELECT count() FROM otel_traces_mv").text == "0\n"
    assert _ask(tenants.acme, both).text == "1\n", "their policy widens nobody's"
    tenants.database.command(f"GRANT {identifier(ALL_TENANTS)} TO {identifier(theirs)}")
    tenants.apply()
    assert _ask_as(theirs, _PASSWORD, both).text == "2\n"


def test_policies_take_nothing_from_the_views_that_rows_are_loaded_through(tenants: Tenants, theirs: str) -> None:
    tenants.database.command(f"GRANT {identifier(ALL_TENANTS)} TO {identifier(theirs)}")
    trace = uuid4().hex
    row = f"INSERT INTO otel_traces (TenantId, TraceId, Timestamp) VALUES ('{tenants.acme.tenant}', '{trace}', now())"
    tenants.database.command(row.replace("otel_traces", "spanhouse.otel_traces", 1))
    assert _ask_as(theirs, _PASSWORD, row).status_code == 200
    loaded = f"SELECT count() FROM otel_traces_trace_id_ts WHERE TraceId = '{trace}'"
    assert _ask(tenants.acme, loaded).text == "2\n"


def test_a_key_that_is_made_or_revoked_counts_from_the_next_run_on_and_a_run_more_changes_nothing(
    tenants: Tenants,
) -> None:
    keys = {scope: tenants.keys.create(tenants.acme.tenant, scope) for scope in Scope}
    assert _code(_ask(keys[Scope.READ], "SELECT 1")) == _WRONG_PASSWORD
    tenants.apply()
    before = tenants.access()
    tenants.apply()
    assert tenants.access() == before
    for scope, key in keys.items():
        answer = _ask(key, "SELECT DISTINCT TenantId FROM otel_traces")
        if scope in {Scope.READ, Scope.WRITE}:
            assert answer.text.split() == [tenants.acme.tenant]
        else:
            assert _code(answer) == _WRONG_PASSWORD
        tenants.keys.revoke(key.id)
    tenants.apply()
    assert _code(_ask(keys[Scope.READ], "SELECT 1")) == _WRONG_PASSWORD
    assert _ask(tenants.acme, "SELECT 1").text == "1\n"


def test_the_command_makes_the_users_of_its_keys(tenants: Tenants, tmp_path: Path) -> None:
    control = f"sqlite:///{tmp_path}/control.db"
    with ControlDatabase(control) as made:
        key = KeyStore(made).create("by-command", Scope.READ)
    done = run("migrate", "up", "--tenant-users", "--clickhouse", SERVER, "--control", control)
    assert done.returncode == 0, done.stderr
    assert "users of the server, from keys: 1" in done.stdout
    assert _ask(key, "SELECT count() FROM otel_traces").text == "0\n"
    assert _code(_ask(tenants.acme, "SELECT 1")) == _WRONG_PASSWORD, "not of these keys"
    tenants.apply()


def _ask(key: NewKey, sql: str, **parameters: str) -> httpx.Response:
    return _ask_as(f"spanhouse_key_{key.id}", key.key, sql, **parameters)


def _ask_as(user: str, password: str, sql: str, **parameters: str) -> httpx.Response:
    url = urlsplit(SERVER)
    secure = url.scheme in {"clickhouses", "https"}
    where = f"{'https' if secure else 'http'}://{unquote(url.hostname or '')}:{url.port or (8443 if secure else 8123)}/"
    credentials = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
    parameters = {"database": "spanhouse", **parameters}
    return httpx.post(where, params=parameters, content=sql.encode(), headers=credentials, timeout=30)


def _code(answer: httpx.Response) -> str:
    return str(answer.headers.get("X-ClickHouse-Exception-Code", ""))


def _name(table: Relation) -> str:
    return f"{identifier(table.database)}.{identifier(table.name)}"


def _leave_nothing(made: Tenants) -> None:
    for key in (made.acme, made.zed):
        made.keys.revoke(key.id)
    made.apply()
    policies = "SELECT short_name, table FROM system.row_policies WHERE short_name IN {names:Array(String)}"
    for name, table in made.database.rows(policies, parameters={"names": [DEFAULT, OPEN]}):
        made.database.command(f"DROP ROW POLICY {identifier(name)} ON spanhouse.{identifier(table)}")
    for each in made.tables:
        which = f"{each.tenant_column} IN ({literal(made.acme.tenant)}, {literal(made.zed.tenant)})"
        made.database.command(f"DELETE FROM {_name(each)} WHERE {which}")
