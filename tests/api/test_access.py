"""Who gets in: the owner's secret, admin keys and keys that may read, wherever a client puts them."""

from base64 import b64encode
from pathlib import Path

import httpx
import pytest

from spanhouse_api.sql.door import create_app
from spanhouse_schema import Database, Settings
from spanhouse_schema.access.key_ring import KeyRing, Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from tests.api.conftest import SECRET, Door
from tests.api.server import serve
from tests.support.waiting import until


def _ask(door: Door, headers: dict[str, str] | None = None, **parameters: str) -> httpx.Response:
    return httpx.post(door.url, params=parameters, headers=headers, content="SELECT 1")


def _basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        _basic("default", SECRET),
        _basic("whoever", SECRET),
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": f"bearer {SECRET}"},
        {"x-clickhouse-user": "default", "x-clickhouse-key": SECRET},
    ],
)
def test_the_owner_gets_in_with_a_header(door: Door, headers: dict[str, str]) -> None:
    assert _ask(door, headers).text == "1\n"


def test_the_owner_gets_in_with_url_parameters(door: Door) -> None:
    assert _ask(door, user="default", password=SECRET).text == "1\n"


def test_without_a_secret_it_is_asked_for(door: Door) -> None:
    reply = _ask(door)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith("Basic")
    assert reply.headers["x-clickhouse-exception-code"] == "516"
    assert reply.text.startswith("Code: 516. DB::Exception: Authentication failed: ")
    assert "(AUTHENTICATION_FAILED) (version " in reply.text


def test_until_there_is_a_key_everybody_on_this_machine_reads_the_default_tenant(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    control = ControlDatabase(f"sqlite:///{tmp_path / 'control.db'}")
    store = KeyStore(control)
    keys = KeyRing(store, SECRET, open_to_all=True)
    with serve(create_app(database, keys, settings)) as (host, port):
        door = Door(host, port, store)
        assert _ask(door).text == "1\n"
        assert httpx.post(door.url, content="DROP TABLE spanhouse.otel_logs").status_code == 403
        store.create("acme", Scope.INGEST)
        keys.refresh()
        assert _ask(door).status_code == 401
    control.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer wrong"},
        _basic("default", "wrong"),
        _basic(SECRET, ""),
        {"authorization": f"Basic {SECRET}"},
        {"authorization": f"Digest {SECRET}"},
        {"x-clickhouse-key": SECRET + "x"},
        {"x-clickhouse-key": SECRET[:-1]},
    ],
)
def test_what_is_not_the_secret_does_not_open(door: Door, headers: dict[str, str]) -> None:
    reply = _ask(door, headers)
    assert reply.status_code in {401, 403}
    assert reply.headers["x-clickhouse-exception-code"] == "516"


def test_an_admin_key_opens_until_it_is_revoked(door: Door) -> None:
    made = door.keys.create("acme", Scope.ADMIN)
    bearer = {"authorization": f"Bearer {made.key}"}
    until(lambda: _ask(door, bearer).text == "1\n")
    door.keys.revoke(made.id)
    until(lambda: _ask(door, bearer).status_code == 403)


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
def test_a_key_that_may_read_opens_to_its_tenant(door: Door, scope: Scope) -> None:
    made = door.keys.create("acme", scope)
    bearer = {"authorization": f"Bearer {made.key}"}
    until(lambda: _ask(door, bearer).text == "1\n")
    denied = httpx.post(door.url, headers=bearer, content="SYSTEM FLUSH LOGS")
    assert (denied.status_code, denied.headers["x-clickhouse-exception-code"]) == (403, "497")
    door.keys.revoke(made.id)


def test_a_key_that_only_exports_does_not_open(door: Door) -> None:
    made = door.keys.create("acme", Scope.INGEST)
    bearer = {"authorization": f"Bearer {made.key}"}
    until(lambda: "Not enough privileges" in _ask(door, bearer).text)
    assert _ask(door, bearer).status_code == 403
    door.keys.revoke(made.id)


def test_a_refusal_does_not_repeat_the_secret(door: Door) -> None:
    assert "sh_admin_wrong" not in _ask(door, {"authorization": "Bearer sh_admin_wrong"}).text
