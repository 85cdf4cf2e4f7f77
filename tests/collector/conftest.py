"""Fixtures of the collector's tests."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of async tests: asyncio, which is the one that a collector runs in."""
    return "asyncio"
