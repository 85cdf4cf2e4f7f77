"""Fixtures of the clients' tests."""

import pytest

from tests.clients.javascript_sdk import JavaScriptSdk


@pytest.fixture(scope="session")
def javascript_sdk(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> JavaScriptSdk:
    """The JavaScript SDK, kept in pytest's cache, where there is one, for the next run."""
    cache = getattr(pytestconfig, "cache", None)
    return JavaScriptSdk(cache.mkdir("javascript") if cache else tmp_path_factory.mktemp("javascript"))
