"""The whole corpus in the database, once for all tests of a process; and a database that nobody else uses."""

from collections.abc import Generator, Mapping

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.reference import Row
from tests.support.corpus_spans import recorded
from tests.support.insert_rows import insert
from tests.support.stores import engine


@pytest.fixture(scope="session")
def corpus(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Row]]:
    """The rows of each recording, which are stored and settled as a tenant of that name."""
    insert(database, recorded(), tmp_path_factory.mktemp("corpus"))
    settle(database)
    return recorded()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Generator[Database]:
    """The database of an engine of its own, which can be audited and rebuilt as a whole."""
    with engine(tmp_path_factory.mktemp("alone")) as database:
        yield database
