"""No web page reaches the door, neither by a request across sites nor after DNS rebinding; but those that are named."""

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from spanhouse_api.sql.door import create_app
from spanhouse_schema import Database, Settings
from spanhouse_schema.access.key_ring import KeyRing
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_web.errors import PermissionDenied
from spanhouse_web.origins import check_origin
from tests.api.conftest import SECRET, Door
from tests.api.server import serve

NAMED = "https://app.example"
_PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8123"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example:8123"},
        {"host": "localhost@evil.example"},
        {"host": "[::1].evil.example"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "https://127.0.0.1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/ping"])
def test_a_web_page_is_refused_though_it_knew_the_secret(door: Door, headers: dict[str, str], path: str) -> None:
    reply = httpx.post(door.url + path, content="SELECT 1", headers={"x-clickhouse-key": SECRET, **headers})
    assert reply.status_code == 403
    assert "(ACCESS_DENIED)" in reply.text


def test_no_reply_is_for_other_origins_to_read(door: Door) -> None:
    reply = httpx.options(door.url, headers={"origin": "http://evil.example"})
    assert reply.status_code == 403
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.1:9", "[::1]:8123", "LOCALHOST:8123", "127.1.2.3"])
def test_names_of_this_machine_are_let_in(host: str) -> None:
    check_origin({"host": host, "sec-fetch-site": "none"}, "127.0.0.1:8123")
    check_origin({"host": host, "origin": f"http://{host}"}, "127.0.0.1:8123")
    check_origin({"host": host, "origin": f"https://{host}"}, "127.0.0.1:8123", scheme="https")
    with pytest.raises(PermissionDenied):
        check_origin({"host": host, "origin": f"http://{host}"}, "127.0.0.1:8123", scheme="https")


def test_a_door_for_other_machines_is_known_under_names_of_its_own() -> None:
    check_origin({"host": "spanhouse.internal:8123"}, "0.0.0.0:8123")
    with pytest.raises(PermissionDenied):
        check_origin({"host": "spanhouse.internal:8123"}, "127.0.0.1:8123")
    with pytest.raises(PermissionDenied):
        check_origin({"host": "spanhouse.internal:8123", "origin": "http://evil.example"}, "0.0.0.0:8123")


@pytest.fixture
def open_door(database: Database, settings: Settings, tmp_path: Path) -> Generator[httpx.Client]:
    """A page of the named origin, at a door that knows no key, and so lets everybody else read."""
    named = settings.model_copy(update={"data_dir": tmp_path, "cors_origins": [NAMED, "*"]})
    control = ControlDatabase.open(named)
    keys = KeyRing(KeyStore(control), SECRET, open_to_all=True)
    with (
        serve(create_app(database, keys, named)) as (host, port),
        httpx.Client(base_url=f"http://{host}:{port}", headers={"origin": NAMED}) as client,
    ):
        yield client
    control.close()


def test_a_page_of_a_named_origin_asks_before_it_sends_and_may_read_the_reply(open_door: httpx.Client) -> None:
    asked = open_door.options("/?query_id=1", headers=_PREFLIGHT)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == NAMED
    assert asked.headers["access-control-allow-headers"] == "authorization,content-type"
    assert "access-control-allow-credentials" not in asked.headers
    reply = open_door.post("/", content="SELECT 1", auth=("page", SECRET), headers={"sec-fetch-site": "cross-site"})
    assert (reply.text, reply.headers["access-control-allow-origin"]) == ("1\n", NAMED)
    assert "X-ClickHouse-Exception-Code" in reply.headers["access-control-expose-headers"]


def test_a_page_always_needs_a_key_and_may_read_that_it_does(open_door: httpx.Client) -> None:
    assert open_door.post("/", content="SELECT 1", headers={"origin": str(open_door.base_url)}).status_code == 401
    refused = open_door.post("/", content="SELECT 1")
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, NAMED)
    assert "web page always needs a key" in refused.text
    # Who is no page reads without one here.
    assert httpx.post(open_door.base_url, content="SELECT 1").text == "1\n"


@pytest.mark.parametrize("origin", ["https://other.example", "http://app.example", "https://app.example.evil", "null"])
def test_pages_of_other_origins_stay_out_though_the_collector_takes_any(open_door: httpx.Client, origin: str) -> None:
    for reply in (
        open_door.options("/", headers={**_PREFLIGHT, "origin": origin}),
        open_door.post("/", content="SELECT 1", auth=("page", SECRET), headers={"origin": origin}),
    ):
        assert reply.status_code == 403
        assert "access-control-allow-origin" not in reply.headers


def test_a_named_origin_does_not_help_after_rebinding(open_door: httpx.Client) -> None:
    reply = open_door.post("/", content="SELECT 1", auth=("page", SECRET), headers={"host": "evil.example"})
    assert reply.status_code == 403
