"""ClickHouse's clients for JavaScript, for Node and for browsers, as readers."""

import json

import pytest

from spanhouse_schema import Database
from tests.api.conftest import Door
from tests.clients.conftest import javascript_sdk as javascript_sdk  # noqa: PLC0414  # a fixture
from tests.clients.javascript_sdk import JavaScriptSdk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _spans(database: Database) -> None:
    database.command(
        "INSERT INTO spanhouse.otel_traces (TenantId, ServiceName, SpanName) VALUES "
        "('acme', 'read-by-javascript', 'ours'), ('zed', 'read-by-javascript', 'theirs')"
    )


@pytest.mark.parametrize("client", ["client", "client-web"])
def test_a_reader_in_javascript(
    javascript_sdk: JavaScriptSdk, door: Door, reader_keys: dict[str, str], client: str
) -> None:
    done = javascript_sdk.run("read.mjs", client, door.url, reader_keys["acme"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "ping": True,
        "rows": [{"TenantId": "acme", "SpanName": "ours"}],
        "parameters": [{"text": "it's", "ids": [1, 2]}],
        "settings": [{"number": "1"}],
        "session": [{"one": 1}],
        "streamed": 300_000,
        "denied": {"code": "497", "type": "ACCESS_DENIED"},
        "wrong": {"code": "47", "type": "UNKNOWN_IDENTIFIER"},
    }
