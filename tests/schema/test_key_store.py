"""Keys: what is kept of them, and who is let in by them."""

import os
import stat
import subprocess
import sys
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_schema.access.admin_secret import admin_secret
from spanhouse_schema.access.key_ring import KeyRing, Scope, admits_keyless
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.errors import AdminKeyUnusable, ControlError, SettingsError, UnknownKey
from spanhouse_schema.settings import Settings
from tests.support.waiting import until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(data_dir=tmp_path / "data")


@pytest.fixture
def control(settings: Settings) -> Generator[ControlDatabase]:
    with ControlDatabase.open(settings) as opened:
        yield opened


@pytest.fixture
def store(control: ControlDatabase) -> KeyStore:
    return KeyStore(control)


def test_a_key_is_granted_its_tenant_and_scope(store: KeyStore) -> None:
    made = store.create("acme", Scope.INGEST)
    grant = KeyRing(store, None, open_to_all=False).grant(made.key)
    assert (grant.tenant, grant.scope, grant.key_id) == ("acme", Scope.INGEST, made.id)


def test_only_the_hash_of_a_key_is_on_disk(store: KeyStore, settings: Settings) -> None:
    made = store.create("acme", Scope.READ, "grafana")
    on_disk = b"".join(path.read_bytes() for path in settings.data_dir.iterdir())
    assert made.key.encode() not in on_disk
    assert made.key.rpartition("_")[2].encode() not in on_disk
    assert sha256(made.key.encode()).digest() in on_disk


def test_the_list_shows_live_and_revoked_keys_in_the_order_they_were_made(store: KeyStore) -> None:
    first, second = store.create("acme", Scope.INGEST, "a"), store.create("zed", Scope.ADMIN, "b")
    store.revoke(first.id)
    keys = store.list()
    assert [(key.id, key.tenant, key.scope, key.name) for key in keys] == [
        (first.id, "acme", Scope.INGEST, "a"),
        (second.id, "zed", Scope.ADMIN, "b"),
    ]
    assert keys[0].revoked_at is not None
    assert keys[0].created_at <= keys[0].revoked_at
    assert keys[1].revoked_at is None


def test_revoking_twice_keeps_the_first_time(store: KeyStore) -> None:
    key = store.create("acme", Scope.INGEST)
    assert store.revoke(key.id) == store.revoke(key.id)


def test_revoking_an_unknown_key_says_how_to_find_the_right_one(store: KeyStore) -> None:
    with pytest.raises(ControlError, match=r"no key has the id 'nope'; `spanhouse keys list`"):
        store.revoke("nope")


@pytest.mark.parametrize("tenant", ["", " ", "a b", "a/b", "-a", "x" * 101, "tenant\n", "ténant"])
def test_a_tenant_that_is_no_name_is_refused(store: KeyStore, tenant: str) -> None:
    with pytest.raises(ControlError, match="is not a tenant's name"):
        store.create(tenant, Scope.INGEST)
    assert store.list() == []


def test_the_control_database_is_its_owners_alone(store: KeyStore, settings: Settings) -> None:
    store.create("acme", Scope.INGEST)
    for path in (settings.data_dir, *settings.data_dir.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (Scope.INGEST, {Scope.INGEST}),
        (Scope.READ, {Scope.READ}),
        (Scope.WRITE, {Scope.INGEST, Scope.READ, Scope.WRITE}),
        (Scope.ADMIN, set(Scope)),
    ],
)
def test_a_scope_allows_what_it_includes_and_nothing_else(scope: Scope, allowed: set[Scope]) -> None:
    assert {asked for asked in Scope if scope.allows(asked)} == allowed


def test_without_keys_an_open_ring_lets_anyone_export_as_the_default_tenant(store: KeyStore) -> None:
    grant = KeyRing(store, None, open_to_all=True).grant(None)
    assert (grant.tenant, grant.scope, grant.key_id) == ("default", Scope.INGEST, None)
    assert not grant.allows(Scope.READ)


def test_without_keys_a_closed_ring_lets_nobody_in(store: KeyStore) -> None:
    with pytest.raises(UnknownKey, match="a key is needed"):
        KeyRing(store, "local", open_to_all=False).grant(None)


def test_once_there_was_a_key_everyone_needs_one(store: KeyStore) -> None:
    ring = KeyRing(store, None, open_to_all=True)
    key = store.create("acme", Scope.READ)
    ring.refresh()
    with pytest.raises(UnknownKey):
        ring.grant(None)
    store.revoke(key.id)
    ring.refresh()
    with pytest.raises(UnknownKey):
        ring.grant("")


def test_a_wrong_key_is_refused_even_where_none_is_needed(store: KeyStore) -> None:
    with pytest.raises(UnknownKey, match="not known, or was revoked"):
        KeyRing(store, None, open_to_all=True).grant("sh_ingest_stale")


def test_the_admin_secret_may_do_everything(store: KeyStore) -> None:
    ring = KeyRing(store, "local-secret", open_to_all=False)
    assert all(ring.grant("local-secret").allows(scope) for scope in Scope)
    with pytest.raises(UnknownKey):
        ring.grant("local-secret ")


@pytest.fixture(scope="module")
def ring_with_a_key() -> Generator[KeyRing]:
    with ControlDatabase("sqlite://") as control:
        KeyStore(control).create("acme", Scope.INGEST)
        yield KeyRing(KeyStore(control), "local", open_to_all=False)


@given(text=st.text())
def test_no_text_but_a_live_key_is_granted(ring_with_a_key: KeyRing, text: str) -> None:
    with pytest.raises(UnknownKey):
        ring_with_a_key.grant(text)


@pytest.mark.slow
def test_what_another_process_makes_or_revokes_counts_soon(store: KeyStore, settings: Settings) -> None:
    ring = KeyRing(store, None, open_to_all=True)
    ring.start()
    try:
        made = _elsewhere(settings, "print(store.create('acme', Scope.INGEST).key, end='')")
        until(lambda: not _is_unknown(ring, made))
        assert ring.grant(made).tenant == "acme"
        _elsewhere(settings, "store.revoke(store.list()[0].id)")
        until(lambda: _is_unknown(ring, made))
    finally:
        ring.close()


def test_the_known_keys_hold_while_the_control_database_cannot_be_read(
    control: ControlDatabase, store: KeyStore, caplog: pytest.LogCaptureFixture
) -> None:
    key = store.create("acme", Scope.INGEST)
    ring = KeyRing(store, None, open_to_all=True)
    with control._engine.begin() as connection:  # no public call breaks the database
        connection.exec_driver_sql("ALTER TABLE keys RENAME TO broken")
    ring.start()
    try:
        until(lambda: "do not count" in caplog.text)
        assert ring.grant(key.key).tenant == "acme"
    finally:
        ring.close()


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_control_database_and_one_secret(settings: Settings) -> None:
    code = _code(
        settings,
        "print(admin_secret(settings.data_dir, create=True))\nfor _ in range(5): store.create('acme', Scope.INGEST)",
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate(timeout=60)[0] for process in processes}) == 1
    assert [process.returncode for process in processes] == [0] * 4
    with ControlDatabase.open(settings, "read") as control:
        assert len(KeyStore(control).list()) == 20


def test_a_control_url_that_cannot_be_used_is_named() -> None:
    with pytest.raises(SettingsError, match="SPANHOUSE_CONTROL cannot be used"):
        ControlDatabase("nonsense")
    with pytest.raises(ControlError, match=r"sqlite:////nowhere/at/all/control\.db cannot be used"):
        ControlDatabase("sqlite:////nowhere/at/all/control.db")


def test_a_password_in_the_control_url_is_never_told() -> None:
    with pytest.raises((SettingsError, ControlError)) as failure:
        ControlDatabase("postgresql://someone:hunter2@127.0.0.1:1/control")
    assert "hunter2" not in str(failure.value)


def test_the_admin_secret_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    secret = admin_secret(tmp_path, create=True)
    assert len(secret) > 40
    assert admin_secret(tmp_path, create=True) == admin_secret(tmp_path, create=False) == secret
    assert stat.S_IMODE((tmp_path / "admin.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["admin.key"]


def test_an_admin_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    admin_secret(tmp_path, create=True)
    (tmp_path / "admin.key").chmod(0o644)
    with pytest.raises(AdminKeyUnusable, match=r"open to other users \(mode 0644\): run `chmod 600"):
        admin_secret(tmp_path, create=True)


@pytest.mark.parametrize(("content", "message"), [(None, "does not exist"), ("", "is empty"), (" \n", "is empty")])
def test_an_admin_secret_that_is_missing_or_empty_says_what_to_do(
    tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "admin.key").write_text(content)
        (tmp_path / "admin.key").chmod(0o600)
    with pytest.raises(AdminKeyUnusable, match=f"{message}.*`spanhouse up`"):
        admin_secret(tmp_path, create=False)


@pytest.mark.parametrize("address", ["0.0.0.0:4318", "192.0.2.1:4318", "[::]:4318", "host.example:4318"])
def test_an_address_open_to_others_needs_a_key(store: KeyStore, settings: Settings, address: str) -> None:
    exposed = settings.model_copy(update={"otlp_http": address})
    with pytest.raises(SettingsError, match=r"SPANHOUSE_OTLP_HTTP is .*no key exists.*keys create.*--insecure"):
        admits_keyless(exposed, len(store.grants()), ("otlp_http", "otlp_grpc"))
    assert admits_keyless(exposed.model_copy(update={"insecure": True}), 0, ("otlp_http",))
    store.create("acme", Scope.INGEST)
    assert not admits_keyless(exposed, len(store.grants()), ("otlp_http",))


@pytest.mark.parametrize("address", ["127.0.0.1:4318", "127.8.8.8:1", "[::1]:4318", "localhost:4318"])
def test_a_loopback_address_needs_no_key(settings: Settings, address: str) -> None:
    assert admits_keyless(settings.model_copy(update={"otlp_http": address}), 0, ("otlp_http",))


def _elsewhere(settings: Settings, statement: str) -> str:
    command = [sys.executable, "-c", _code(settings, statement)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def _code(settings: Settings, statement: str) -> str:
    return f"""
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.access.admin_secret import admin_secret
from spanhouse_schema.access.key_ring import Scope
from spanhouse_schema.settings import Settings
settings = Settings.load(data_dir={os.fspath(settings.data_dir)!r})
control = ControlDatabase.open(settings)
store = KeyStore(control)
{statement}
control.close()
"""


def _is_unknown(ring: KeyRing, key: str) -> bool:
    try:
        ring.grant(key)
    except UnknownKey:
        return True
    return False
