"""Fixtures of the clients' tests."""

import pytest

from tests.clients.javascript_sdk import JavaScriptSdk


@pytest.fixture(scope="session")
def javascript_sdk(pytestconfig: pytest.Config) -> JavaScriptSdk:
    """The JavaScript SDK, kept in pytest's cache for the next run."""
    return JavaScriptSdk(pytestconfig.cache.mkdir("javascript"))
