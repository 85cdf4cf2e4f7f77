"""A running door: a real server on a real socket, over the engine of this run."""

from collections.abc import Generator
from typing import NamedTuple

import httpx
import pytest

from spanhouse_api.door import create_app
from spanhouse_schema import Database, Settings
from spanhouse_schema.control import Control
from spanhouse_schema.keys import KeyRing
from tests.api.server import serve

SECRET = "sh_local_of_the_owner"


class Door(NamedTuple):
    """Where the door listens, and the keys that it asks."""

    host: str
    port: int
    control: Control

    @property
    def url(self) -> str:
        """The door as a URL."""
        return f"http://{self.host}:{self.port}"


@pytest.fixture(scope="session")
def door(database: Database, settings: Settings) -> Generator[Door]:
    """The door, open to `SECRET` and to admin keys."""
    control = Control.open(settings)
    keys = KeyRing(control, SECRET, open_to_all=True)
    keys.start()
    with serve(create_app(database, keys, settings)) as (host, port):
        yield Door(host, port, control)
    keys.close()
    control.close()


@pytest.fixture
def http(door: Door) -> Generator[httpx.Client]:
    """The owner's HTTP client."""
    with httpx.Client(base_url=door.url, headers={"x-clickhouse-key": SECRET}, timeout=60) as client:
        yield client


@pytest.fixture
def table(database: Database) -> Generator[str]:
    """An empty table (a UInt64, b String)."""
    name = "spanhouse.door_test"
    database.command(f"CREATE OR REPLACE TABLE {name} (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    yield name
    database.command(f"DROP TABLE {name}")
