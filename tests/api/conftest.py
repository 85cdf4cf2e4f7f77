"""A running door: a real server on a real socket, over the engine of this run."""

from collections.abc import Generator
from functools import partial
from typing import NamedTuple

import httpx
import pytest

from spanhouse_api.sql.door import create_app
from spanhouse_schema import Database, Settings
from spanhouse_schema.access.key_ring import KeyRing, Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from tests.api.server import serve
from tests.support.waiting import until

SECRET = "sh_local_of_the_owner"


TENANTS = ("acme", "zed")
"""The tenants that the reading tests tell apart."""


class Door(NamedTuple):
    """Where the door listens, and the keys that it asks."""

    host: str
    port: int
    keys: KeyStore

    @property
    def url(self) -> str:
        """The door as a URL."""
        return f"http://{self.host}:{self.port}"


@pytest.fixture(scope="session")
def door(database: Database, settings: Settings) -> Generator[Door]:
    """The door, open to `SECRET`, to admin keys and to those that may read."""
    control = ControlDatabase.open(settings)
    store = KeyStore(control)
    # Once there is a key, nobody comes in without one.
    store.create("acme", Scope.INGEST)
    keys = KeyRing(store, SECRET, open_to_all=True)
    keys.start()
    with serve(create_app(database, keys, settings)) as (host, port):
        yield Door(host, port, store)
    keys.close()
    control.close()


@pytest.fixture
def http(door: Door) -> Generator[httpx.Client]:
    """The owner's HTTP client."""
    with httpx.Client(base_url=door.url, headers={"x-clickhouse-key": SECRET}, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def reader_keys(door: Door) -> dict[str, str]:
    """A key of scope read for each of the two tenants, by tenant; the door knows them."""
    keys = {tenant: door.keys.create(tenant, Scope.READ).key for tenant in TENANTS}
    for key in keys.values():
        until(partial(_opens, door, key))
    return keys


@pytest.fixture
def acme(door: Door, reader_keys: dict[str, str]) -> Generator[httpx.Client]:
    """The HTTP client of a reader of the tenant acme."""
    with httpx.Client(base_url=door.url, headers={"x-clickhouse-key": reader_keys["acme"]}, timeout=60) as client:
        yield client


def _opens(door: Door, key: str) -> bool:
    return httpx.get(door.url, params={"query": "SELECT 1", "password": key}).is_success


@pytest.fixture
def table(database: Database) -> Generator[str]:
    """An empty table (a UInt64, b String)."""
    name = "spanhouse.door_test"
    database.command(f"CREATE OR REPLACE TABLE {name} (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    yield name
    database.command(f"DROP TABLE {name}")
