"""The whole corpus in the database, once for all tests of a process."""

from collections.abc import Mapping

import pytest

from spanhouse_schema import Database
from spanhouse_schema.settling import settle
from tests.exported import insert
from tests.recorded import recorded
from tests.reference import Row


@pytest.fixture(scope="session")
def corpus(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Row]]:
    """The rows of each recording, which are stored and settled as a tenant of that name."""
    insert(database, recorded(), tmp_path_factory.mktemp("corpus"))
    settle(database)
    return recorded()
