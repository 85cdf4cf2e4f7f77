"""A database with two tenants who read, embedded and as users over HTTP, and executions made by hand for them."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from spanhouse_schema import Database, Settings
from spanhouse_schema.access.grants import Grant, Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.access.named_queries import PagedQuery, R, Value
from spanhouse_schema.access.reader_seal import ReaderLimits
from spanhouse_schema.access.sealed_connection import SealedConnection, connect
from spanhouse_schema.access.tenant_reader import ALWAYS, TenantReader, TenantReaders, Window
from spanhouse_schema.control.database import ControlDatabase
from spanhouse_schema.errors import DatabaseError
from spanhouse_schema.quoting import literal
from tests.support.process import Spanhouse
from tests.support.stores import dsn, served
from tests.support.waiting import until

TENANTS = ("acme", "zed")
LIMITS = ReaderLimits(seconds=60, memory_bytes=512 * 2**20, read_rows=10**10, read_bytes=2**40)
_COLUMNS = "(TenantId, TraceId, ExecutionId, Kind, AgentName, Status, StartedAt, InputPreview, Version)"


class Run(NamedTuple):
    """An execution: its number within the test, and what is said of it. Its ids are the same for every tenant."""

    number: int
    agent: str
    at_ns: int
    status: str
    text: str

    @property
    def trace_id(self) -> str:
        """One of three traces, so that their order is not that of the runs."""
        return f"{self.number % 3:032x}"


class Hour(NamedTuple):
    """An hour that belongs to one test, so that tests share a database."""

    number: int

    @property
    def window(self) -> Window:
        """The hour as what a reader is asked for."""
        start = datetime.fromtimestamp(self.number * 3600, UTC)
        return Window(start, start + timedelta(hours=1))

    def id_of(self, run: Run) -> str:
        """Return the execution's id."""
        return f"{self.number:08x}{run.number:08x}"

    def begin_ns(self, run: Run) -> int:
        """Return when it began, in nanoseconds since 1970."""
        return self.number * 3600 * 10**9 + run.at_ns

    def newest_first(self, runs: Sequence[Run]) -> list[str]:
        """Return the ids of these runs in the order of lists."""
        ordered = sorted(runs, key=lambda run: (-run.at_ns, run.trace_id, self.id_of(run)))
        return [self.id_of(run) for run in ordered]


class House(NamedTuple):
    """A database, its readers, and each tenant's grant with its key."""

    database: Database
    readers: TenantReaders
    grants: dict[str, tuple[Grant, str]]

    def reader(self, tenant: str) -> TenantReader:
        """Return a reader of this tenant."""
        return self.readers.reader(*self.grants[tenant])

    def connect(self, tenant: str) -> SealedConnection:
        """Return a connection that is sealed in this tenant. Close it."""
        return connect(self.database, *self.grants[tenant], LIMITS)

    def store(self, tenant: str, hour: Hour, runs: Sequence[Run]) -> None:
        """Store executions as settled."""
        rows = [
            f"({_id(tenant, hour, run)}, 'agent', {literal(run.agent)}, {literal(run.status)}, "
            f"fromUnixTimestamp64Nano({hour.begin_ns(run)}), {literal(run.text)}, 1)"
            for run in runs
        ]
        self._insert(f"agent_executions_by_agent {_COLUMNS}", rows)
        self._insert(f"agent_executions {_COLUMNS}", rows)

    def store_inputs(self, hour: Hour, runs: Mapping[str, Sequence[Run]]) -> None:
        """Store a span with the whole input of each of the tenants' executions."""
        spans = [
            f"({_id(tenant, hour, run)}, map('input.value', {literal(run.text)}))"
            for tenant in runs
            for run in runs[tenant]
        ]
        self._insert("otel_traces (TenantId, TraceId, SpanId, SpanAttributes)", spans)

    def _insert(self, target: str, rows: list[str]) -> None:
        if rows:
            self.database.command(f"INSERT INTO spanhouse.{target} VALUES {', '.join(rows)}")


def _id(tenant: str, hour: Hour, run: Run) -> str:
    return f"{literal(tenant)}, {literal(run.trace_id)}, {literal(hour.id_of(run))}"


@contextmanager
def embedded(database: Database) -> Generator[House]:
    """The house of an embedded engine, whose row filters are in force."""
    with closing(TenantReaders(database, LIMITS)) as readers:
        yield House(database, readers, {tenant: (Grant(tenant, Scope.READ, None), "") for tenant in TENANTS})


@contextmanager
def over_http(directory: Path) -> Generator[House]:
    """The house of a `spanhouse engine`, to which each tenant comes with a key."""
    with (
        Spanhouse.start("engine", data_dir=directory) as running,
        served(dsn(running), directory) as database,
        closing(ControlDatabase.open(Settings.load(data_dir=directory))) as control,
        closing(TenantReaders(database, LIMITS)) as readers,
    ):
        keys = {tenant: KeyStore(control).create(tenant, Scope.READ) for tenant in TENANTS}
        house = House(database, readers, {t: (Grant(t, Scope.READ, keys[t].id), keys[t].key) for t in TENANTS})
        for tenant in TENANTS:
            until(partial(_opens, house, tenant))
        yield house


def walk(
    reader: TenantReader,
    query: PagedQuery[R],
    parameters: Mapping[str, Value],
    size: int,
    window: Window = ALWAYS,
    *,
    between: Callable[[], object] = lambda: None,
) -> list[R]:
    """Return all rows of a list, page by page; `between` is called after each page but the last."""
    rows, cursor = reader.page(query, parameters, size=size, window=window)
    assert len(rows) <= size
    while cursor:
        between()
        page = reader.page(query, parameters, size=size, window=window, cursor=cursor)
        assert 1 <= len(page.rows) <= size
        rows, cursor = [*rows, *page.rows], page.cursor
    return rows


def _opens(house: House, tenant: str) -> bool:
    try:
        house.connect(tenant).close()
    except DatabaseError:
        return False
    return True
