"""The whole corpus in the database, once for all tests of a process; databases that nobody else uses."""

from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.reference import Row
from tests.support.corpus_spans import recorded
from tests.support.insert_rows import insert
from tests.support.postgres import new_database, postgres
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


@pytest.fixture(scope="session")
def cluster() -> Generator[str]:
    """The URL of a PostgreSQL; a test that asks for it is skipped where PostgreSQL is missing."""
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def control_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind that the control database may be."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/control.db"
    return new_database(request.getfixturevalue("cluster"))
