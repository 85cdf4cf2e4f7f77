"""Fixtures of the collector's tests."""

from collections.abc import Generator

import pytest

from spanhouse_schema.access.grants import Scope
from tests.collector.receiving import ORIGIN, Receiver, receiving
from tests.support.process import free_port


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of async tests: asyncio, which is the one that a collector runs in."""
    return "asyncio"


@pytest.fixture(scope="session")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Generator[Receiver]:
    """A `spanhouse up` that wants keys, takes requests of up to `LIMIT` bytes, and web pages of `ORIGIN`."""
    flags = ("--request-limit", "1MiB", "--cors-origins", ORIGIN)
    with receiving(tmp_path_factory.mktemp("receiver"), "up", *flags, scopes=tuple(Scope)) as running:
        yield running


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Generator[Receiver]:
    """A collector whose ClickHouse is away, and whose spool has no room."""
    with receiving(tmp_path_factory.mktemp("full"), "collector", *_AWAY, "--spool-limit", "64B") as running:
        yield running


@pytest.fixture(scope="session")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Generator[Receiver]:
    """A collector whose ClickHouse is away, and that holds 256 KiB of requests in memory at once."""
    with receiving(tmp_path_factory.mktemp("crowded"), "collector", *_AWAY, "--inflight-limit", "256KiB") as running:
        yield running


_AWAY = ("--clickhouse", f"clickhouse://127.0.0.1:{free_port()}")
