"""No web page reaches the door, neither by a request across sites nor after DNS rebinding."""

import httpx
import pytest

from spanhouse_api.errors import Refused
from spanhouse_api.origin import check_origin
from tests.api.conftest import SECRET, Door


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


def test_a_door_for_other_machines_is_known_under_names_of_its_own() -> None:
    check_origin({"host": "spanhouse.internal:8123"}, "0.0.0.0:8123")
    with pytest.raises(Refused):
        check_origin({"host": "spanhouse.internal:8123"}, "127.0.0.1:8123")
    with pytest.raises(Refused):
        check_origin({"host": "spanhouse.internal:8123", "origin": "http://evil.example"}, "0.0.0.0:8123")
