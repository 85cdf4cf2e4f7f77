"""A tenant's reader: it sees its tenant's rows, page by page, and nothing else, however it is asked."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from itertools import count
from pathlib import Path
from threading import Barrier, Lock
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database, DatabaseError
from spanhouse_schema.access import named_queries, tenant_reader
from spanhouse_schema.access.connection_pool import Bounds, ConnectionPool
from spanhouse_schema.access.grants import Grant, Scope
from spanhouse_schema.access.named_queries import AGENTS, EXECUTION, EXECUTIONS_OF_AGENT, PagedQuery, Query, Row
from spanhouse_schema.access.sealed_connection import SealedConnection, connect
from spanhouse_schema.access.tenant_reader import TenantReaders, Window
from spanhouse_schema.clickhouse.dsn import Server, with_user
from spanhouse_schema.derive.settling import settle
from spanhouse_schema.errors import CursorInvalid, DatabaseUnavailable, LimitReached, ReaderClosed, UnknownKey
from tests.support.corpus_spans import span
from tests.support.insert_rows import insert
from tests.support.tenants import LIMITS, TENANTS, Hour, House, Run, embedded, over_http, walk
from tests.support.waiting import until

_hours = map(Hour, count(1))
_AGENTS = ("writer", "o'brien \\ {agent:String}", "zed\n\t-- ")
_EVERY_STATUS: list[str] = []


@pytest.fixture(scope="module", params=["embedded", pytest.param("over HTTP", marks=pytest.mark.slow)])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    """Two tenants who read: in the embedded engine, and as users over HTTP."""
    if request.param == "embedded":
        opened = embedded(request.getfixturevalue("database"))
    else:
        opened = over_http(tmp_path_factory.mktemp("tenants"))
    with opened as house:
        yield house


@pytest.fixture
def inside(database: Database) -> Generator[House]:
    """The embedded one, inside this process."""
    with embedded(database) as house:
        yield house


def runs(first: int = 0, most: int = 7) -> st.SearchStrategy[list[Run]]:
    """A few executions, of which many begin at the same time."""
    said = st.tuples(
        st.sampled_from(_AGENTS),
        st.sampled_from([0, 1, 2, 10**9, 10**9 + 1]),
        st.sampled_from(["completed", "failed", "created"]),
    )
    return st.lists(said, max_size=most).map(
        lambda drawn: [Run(first + at, *each, f"of number {first + at}") for at, each in enumerate(drawn)]
    )


@settings(max_examples=10, deadline=None)
@given(ours=runs(), theirs=runs(), size=st.integers(1, 4))
def test_a_reader_sees_its_tenants_rows_and_never_anothers(
    house: House, ours: list[Run], theirs: list[Run], size: int
) -> None:
    hour = next(_hours)
    stored = {
        tenant: [run._replace(text=f"{tenant}'s, {run.text}") for run in of]
        for tenant, of in zip(TENANTS, (ours, theirs), strict=True)
    }
    for tenant, of in stored.items():
        house.store(tenant, hour, of)
    house.store_inputs(hour, stored)
    for tenant, of in stored.items():
        with house.reader(tenant) as reader:
            for agent in _AGENTS:
                asked = {"agent": agent, "statuses": _EVERY_STATUS}
                rows = walk(reader, EXECUTIONS_OF_AGENT, asked, size, hour.window)
                assert [row.id for row in rows] == hour.newest_first([run for run in of if run.agent == agent])
                assert {row.input_preview for row in rows} == {run.text for run in of if run.agent == agent}
            agents = walk(reader, AGENTS, {}, size, hour.window)
            assert {row.agent_name: row.executions for row in agents} == {
                agent: len(found) for agent in _AGENTS if (found := [run for run in of if run.agent == agent])
            }
            for run in max(ours, theirs, key=len)[-1:]:
                whole = reader.rows(EXECUTION, {"id": hour.id_of(run)})
                assert [row.input_data for row in whole] == [each.text for each in of if each.number == run.number]


@settings(max_examples=10, deadline=None)
@given(begun=runs(most=8), meanwhile=st.lists(runs(most=3), min_size=6, max_size=6), size=st.integers(1, 5))
def test_pages_hold_each_row_that_was_there_once_while_others_come(
    house: House, begun: list[Run], meanwhile: list[list[Run]], size: int
) -> None:
    hour = next(_hours)
    runs_then = [run._replace(agent="writer") for run in begun]
    house.store("acme", hour, runs_then)
    later = iter(
        [
            [run._replace(number=100 * at + run.number, agent="writer") for run in of]
            for at, of in enumerate(meanwhile, start=1)
        ]
    )
    stored = list(runs_then)

    def store_more() -> None:
        more = next(later, [])
        stored.extend(more)
        house.store("acme", hour, more)

    with house.reader("acme") as reader:
        asked = {"agent": "writer", "statuses": _EVERY_STATUS}
        found = [row.id for row in walk(reader, EXECUTIONS_OF_AGENT, asked, size, hour.window, between=store_more)]
    assert found == [id_ for id_ in hour.newest_first(stored) if id_ in set(found)]
    assert len(set(found)) == len(found)
    assert {hour.id_of(run) for run in runs_then} <= set(found)


def test_a_list_can_be_narrowed_to_statuses(house: House) -> None:
    hour = next(_hours)
    every = ("completed", "failed", "created", "running")
    house.store("acme", hour, [Run(at, "writer", at, status, "") for at, status in enumerate(every)])
    with house.reader("acme") as reader:
        asked = {"agent": "writer", "statuses": ["failed", "pending"]}
        rows = walk(reader, EXECUTIONS_OF_AGENT, asked, 10, hour.window)
    assert [row.status for row in rows] == ["pending", "failed"]


def test_a_window_holds_its_beginning_and_not_its_end(house: House) -> None:
    hour = next(_hours)
    second = timedelta(seconds=1)
    house.store("acme", hour, [Run(at, "writer", at * 10**9, "completed", "") for at in range(4)])
    since = hour.window.since
    assert since is not None
    with house.reader("acme") as reader:
        asked = {"agent": "writer", "statuses": _EVERY_STATUS}
        within = walk(reader, EXECUTIONS_OF_AGENT, asked, 10, Window(since + second, since + 3 * second))
        before = walk(reader, EXECUTIONS_OF_AGENT, asked, 10, Window(until=since))
    assert [row.execution_start for row in within] == [since + 2 * second, since + second]
    assert not {row.id for row in within} & {row.id for row in before}


def test_a_window_that_is_not_a_window_is_refused_before_anything_is_asked(inside: House) -> None:
    with inside.reader("acme") as reader:
        with pytest.raises(ValueError, match="has no time zone"):
            reader.page(AGENTS, {}, size=1, window=Window(datetime(2026, 11, 30)))
        with pytest.raises(ValueError, match="not a page"):
            reader.page(AGENTS, {}, size=0)
        with pytest.raises(ValueError, match=r"takes \['agent', 'statuses'\]"):
            reader.page(EXECUTIONS_OF_AGENT, {"agent": "writer"}, size=1)


@pytest.mark.parametrize("far", [datetime.min, datetime.max])
def test_a_window_may_be_wider_than_the_times_of_the_engine(inside: House, far: datetime) -> None:
    hour = next(_hours)
    inside.store("acme", hour, [Run(0, "writer", 0, "completed", "")])
    far = far.replace(tzinfo=UTC)
    window = Window(since=far) if far.year == 1 else Window(since=hour.window.since, until=far)
    with inside.reader("acme") as reader:
        rows = walk(reader, EXECUTIONS_OF_AGENT, {"agent": "writer", "statuses": _EVERY_STATUS}, 1000, window)
    assert f"{hour.number:08x}{0:08x}" in {row.id for row in rows}


_FORGED = (
    "' OR 1 = 1 --",
    "\\' OR 1 = 1 --",
    "writer') OR ('1' = '1",
    "{statuses:Array(String)}",
    "{{window}}",
    "'] OR 1 = 1 OR ['",
    "\\N",
    "writer\0zed",
    "writer\n-- ",
    "tenant:zed",
    "%",
    "\ud7ff\u2028\U0001f600",
)


@pytest.mark.parametrize("forged", _FORGED)
def test_a_forged_parameter_is_a_text_like_any_other(house: House, forged: str) -> None:
    hour = next(_hours)
    for tenant in TENANTS:
        house.store(tenant, hour, [Run(0, "writer", 0, "completed", tenant)])
    with house.reader("acme") as reader:
        for asked in (
            {"agent": forged, "statuses": _EVERY_STATUS},
            {"agent": "writer", "statuses": [forged, "'"]},
        ):
            assert reader.page(EXECUTIONS_OF_AGENT, asked, size=10, window=hour.window) == ([], "")
    if "\0" not in forged:
        house.store("acme", hour, [Run(1, forged, 1, "completed", "found")])
        with house.reader("acme") as reader:
            asked = {"agent": forged, "statuses": ["'", "completed"]}
            (row,) = reader.page(EXECUTIONS_OF_AGENT, asked, size=10, window=hour.window).rows
        assert (row.agent_name, row.input_preview) == (forged, "found")


def test_a_forged_id_finds_nothing(house: House) -> None:
    with house.reader("acme") as reader:
        for forged in ("' OR 1 = 1 --", "') OR (1 = 1", "{id:String}", "\\"):
            assert reader.rows(EXECUTION, {"id": forged}) == []


_LOOSENINGS = (
    "SET readonly = 0",
    "SET log_comment = 'tenant:zed'",
    "SET max_execution_time = 0",
    "SELECT InputPreview FROM spanhouse.agent_executions SETTINGS log_comment = 'tenant:zed'",
    "SELECT InputPreview FROM spanhouse.agent_executions SETTINGS log_comment = ''",
    "INSERT INTO spanhouse.agent_executions (TenantId) SELECT 'zed'",
    "KILL QUERY WHERE 1; SET readonly = 0",
    "SELECT count() FROM system.processes; SET readonly = 0",
)


@pytest.mark.parametrize("statement", _LOOSENINGS)
def test_a_sealed_connection_cannot_be_unsealed(house: House, statement: str) -> None:
    hour = next(_hours)
    for tenant in TENANTS:
        house.store(tenant, hour, [Run(0, "writer", 0, "completed", f"{tenant}'s")])
    with closing(house.connect("acme")) as connection:
        with pytest.raises(DatabaseError):
            connection.read(statement, {})
        seen = connection.read("SELECT DISTINCT InputPreview, TenantId FROM spanhouse.agent_executions", {})
    assert b"acme's" in seen
    assert b"zed" not in seen


class Cursors(NamedTuple):
    """A reader of three rows, and the cursor behind the first."""

    house: House
    hour: Hour
    cursor: str

    def ask(self, cursor: str, tenant: str = "acme", agent: str = "writer", size: int = 1) -> list[str]:
        """The ids of the page behind a cursor."""
        with self.house.reader(tenant) as reader:
            asked = {"agent": agent, "statuses": _EVERY_STATUS}
            page = reader.page(EXECUTIONS_OF_AGENT, asked, size=size, window=self.hour.window, cursor=cursor)
        return [row.id for row in page.rows]


@pytest.fixture
def cursors(inside: House) -> Cursors:
    """Three rows and a cursor."""
    hour = next(_hours)
    inside.store("acme", hour, [Run(at, "writer", at, "completed", "") for at in range(3)])
    with inside.reader("acme") as reader:
        asked = {"agent": "writer", "statuses": _EVERY_STATUS}
        return Cursors(inside, hour, reader.page(EXECUTIONS_OF_AGENT, asked, size=1, window=hour.window).cursor)


def test_a_cursor_holds_for_pages_of_any_size_and_again_and_again(cursors: Cursors) -> None:
    assert cursors.ask(cursors.cursor) == cursors.ask(cursors.cursor, size=50)[:1]
    assert len(cursors.ask(cursors.cursor, size=50)) == 2


def test_a_cursor_of_another_list_is_refused(cursors: Cursors) -> None:
    with pytest.raises(CursorInvalid, match="of another list"):
        cursors.ask(cursors.cursor, tenant="zed")
    with pytest.raises(CursorInvalid, match="of another list"):
        cursors.ask(cursors.cursor, agent="another")
    with cursors.house.reader("acme") as reader, pytest.raises(CursorInvalid, match="of another list"):
        reader.page(AGENTS, {}, size=1, window=cursors.hour.window, cursor=cursors.cursor)
    with pytest.raises(CursorInvalid, match="of another list"):
        cursors._replace(hour=next(_hours)).ask(cursors.cursor)


def test_a_cursor_with_one_character_changed_is_refused(cursors: Cursors) -> None:
    text = cursors.cursor
    for at in range(len(text)):
        for letter in "Aé'":
            if text[at] != letter:
                with pytest.raises(CursorInvalid):
                    cursors.ask(text[:at] + letter + text[at + 1 :])


@pytest.mark.parametrize("text", ["x", "AAAA", "é", "null", "W10", "a" * 10_000, "=", " "])
def test_what_is_not_a_cursor_is_refused(cursors: Cursors, text: str) -> None:
    with pytest.raises(CursorInvalid):
        cursors.ask(text)


class _Endless(Query[Row]):
    """A query that would not end within the test."""

    @cached_property
    def sql(self) -> str:
        return "SELECT count() FROM numbers(9000000000) WHERE NOT ignore(sipHash64(number))"


_ENDLESS = _Endless("endless", Row)


def test_a_query_ends_at_its_limit_of_time(house: House) -> None:
    with (
        closing(TenantReaders(house.database, LIMITS._replace(seconds=1))) as readers,
        readers.reader(*house.grants["acme"]) as reader,
        pytest.raises(LimitReached, match="TIMEOUT_EXCEEDED"),
    ):
        reader.rows(_ENDLESS, {})
    with house.reader("acme") as reader:
        assert reader.rows(EXECUTION, {"id": "none"}) == []


def test_closing_a_reader_cancels_what_it_reads(inside: House) -> None:
    with ThreadPoolExecutor(1) as pool:
        reader = inside.reader("acme")
        running = pool.submit(reader.rows, _ENDLESS, {})
        until(lambda: _reading(inside.database))
        reader.close()
        with pytest.raises(ReaderClosed, match="this reader is closed"):
            running.result()
    assert not _reading(inside.database)


def _reading(database: Database) -> int:
    asked = "SELECT count() FROM system.processes WHERE startsWith(query, 'SELECT count() FROM numbers(9000000000)')"
    return int(database.rows(asked)[0][0])


def test_a_closed_reader_refuses(house: House) -> None:
    with house.reader("acme") as reader:
        reader.rows(EXECUTION, {"id": "none"})
    with pytest.raises(ReaderClosed, match="this reader is closed"):
        reader.rows(EXECUTION, {"id": "none"})
    readers = TenantReaders(house.database, LIMITS)
    with readers.reader(*house.grants["acme"]) as reader:
        readers.close()
        with pytest.raises(ReaderClosed, match="the process is ending"):
            reader.rows(EXECUTION, {"id": "none"})


@pytest.mark.slow
def test_over_http_only_a_key_that_is_a_tenants_reads(tmp_path: Path) -> None:
    with over_http(tmp_path / "data") as house:
        grant, secret = house.grants["acme"]
        admin = (tmp_path / "data" / "admin.key").read_text().strip()
        for refused, given_secret in (
            (Grant("acme", Scope.READ, None), ""),
            (Grant("acme", Scope.ADMIN, grant.key_id), admin),
            (Grant("acme", Scope.INGEST, grant.key_id), secret),
            # The owner's secret under a reader's grant: what would see every row is not taken for a tenant's.
            (grant, admin),
        ):
            with house.readers.reader(refused, given_secret) as reader, pytest.raises(UnknownKey):
                reader.rows(EXECUTION, {"id": "none"})
        with house.readers.reader(grant, "sh_read_of_nobody") as reader, pytest.raises(DatabaseError):
            reader.rows(EXECUTION, {"id": "none"})


def test_a_run_is_the_same_in_the_list_and_whole(database: Database, inside: House, tmp_path: Path) -> None:
    said = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "planner",
        "gen_ai.agent.id": "p-1",
        "user.id": "ann",
        "input.value": "a long question " * 100,
    }
    insert(database, {"acme": [span("00000000000000aa", said)]}, tmp_path)
    settle(database)
    with inside.reader("acme") as reader:
        asked = {"agent": "planner", "statuses": ["completed"]}
        ((listed,), _) = reader.page(EXECUTIONS_OF_AGENT, asked, size=10)
        (whole,) = reader.rows(EXECUTION, {"id": listed.id})
        (agent,) = [row for row in walk(reader, AGENTS, {}, 50) if row.agent_name == "planner"]
    shared = listed.model_dump().keys() & whole.model_dump().keys() - {"updated_at"}
    assert listed.model_dump(include=shared) == whole.model_dump(include=shared)
    assert whole.input_data == said["input.value"]
    assert (listed.user_id, listed.execution_start.tzinfo) == ("ann", UTC)
    assert (agent.agent_ids, agent.executions, agent.last_seen_at) == (("p-1",), 1, listed.execution_start)


@given(user=st.text(max_size=9), password=st.text(max_size=9))
def test_a_dsn_for_another_user_names_the_same_server(user: str, password: str) -> None:
    for dsn in ("clickhouse://old:o%40d@[::1]:8124/spanhouse", "clickhouses://house", "http://old@house:1"):
        server = Server.of(dsn)
        changed = Server.of(with_user(dsn, user, password))
        assert changed == server._replace(user=user or "default", password=password)


_QUERIES = [each for each in vars(named_queries).values() if isinstance(each, Query)]


def test_every_file_is_a_named_query_and_begins_with_what_a_row_is() -> None:
    found = [path for path in files("spanhouse_schema").joinpath("sql/queries").iterdir() if path.is_file()]
    assert {path.name for path in found} == {f"{query.name}.sql" for query in _QUERIES}
    assert all(path.read_text(encoding="utf-8").startswith("-- One row is ") for path in found)


def test_no_query_names_a_tenant() -> None:
    folder = files("spanhouse_schema").joinpath("sql/queries")
    found = [*folder.iterdir(), *folder.joinpath("fragments").iterdir()]
    naming = [path.name for path in found if path.is_file() and "tenant" in path.read_text(encoding="utf-8").lower()]
    assert naming == []


@pytest.mark.parametrize("query", _QUERIES, ids=lambda query: query.name)
def test_a_query_gives_the_fields_of_its_rows_and_their_place_in_the_list(
    database: Database, query: Query[Row]
) -> None:
    paging = {"since": "0", "until": "0", "after_at": "0", "after_key": "[]", "limit": "1"}
    asked = {name: "[]" if f"{{{name}:Array" in query.sql else "" for name in query.parameters}
    with database.connect() as connection:
        described = connection.query(f"DESCRIBE ({query.sql})", "TabSeparated", paging | asked).decode()
    columns = [line.split("\t")[0] for line in described.splitlines()]
    place = ["position_at", "position_key", "position_ns"] if isinstance(query, PagedQuery) else []
    assert columns == [*query.row.model_fields, *place]


class _Fake:
    """A connection that counts how many are open."""

    def __init__(self, opened: list[int]) -> None:
        self._opened = opened
        opened.append(1)

    def read(self, sql: str, parameters: object) -> bytes:
        return b""

    def close(self) -> None:
        self._opened.append(-1)


@given(
    turns=st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=60),
    total=st.integers(1, 5),
    of_tenant=st.integers(1, 3),
)
def test_connections_stay_within_their_bounds(turns: Sequence[tuple[str, bool]], total: int, of_tenant: int) -> None:
    opened: list[int] = []
    pool = ConnectionPool(Bounds(total, of_tenant, wait_s=0.0))
    lent: list[tuple[str, Generator[SealedConnection]]] = []
    for tenant, begins in turns:
        if begins:
            lending = _lending(pool, tenant, lambda: _Fake(opened))
            try:
                next(lending)
                lent.append((tenant, lending))
            except DatabaseUnavailable:
                assert len(lent) >= total or [each for each, _ in lent].count(tenant) >= of_tenant
        elif lent:
            lent.pop(0)[1].close()
        assert sum(opened) <= total
    for _, lending in lent:
        lending.close()
    pool.close()
    assert sum(opened) == 0


def _lending(pool: ConnectionPool, tenant: str, make: Callable[[], SealedConnection]) -> Generator[SealedConnection]:
    with pool.lent(tenant, make) as connection:
        try:
            yield connection
        except GeneratorExit:
            # Given back, as after a query that went well.
            return


def test_a_connection_that_failed_is_not_lent_again() -> None:
    opened: list[int] = []
    pool = ConnectionPool(Bounds())
    with pytest.raises(DatabaseError), pool.lent("a", lambda: _Fake(opened)):
        raise DatabaseError("it failed")
    assert sum(opened) == 0
    with pool.lent("a", lambda: _Fake(opened)):
        pass
    assert sum(opened) == 1


def test_many_threads_and_tenants_share_few_connections(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[SealedConnection] = []
    most = 0
    lock = Lock()

    def counted(*asked: object) -> SealedConnection:
        nonlocal most
        connection = connect(*asked)  # type: ignore[arg-type]  # handed on as it came
        close = connection.close

        def closed() -> None:
            close()
            with lock:
                opened.remove(connection)

        with lock:
            opened.append(connection)
            most = max(most, len(opened))
        monkeypatch.setattr(connection, "close", closed)
        return connection

    monkeypatch.setattr(tenant_reader, "connect", counted)
    together = Barrier(12)

    def ask(number: int) -> None:
        together.wait(60)
        for turn in range(5):
            with readers.reader(Grant(f"tenant-{(number + turn) % 9}", Scope.READ, None)) as reader:
                assert reader.page(AGENTS, {}, size=1) == ([], "")

    with closing(TenantReaders(inside.database, LIMITS, Bounds(total=4, of_tenant=2, wait_s=60))) as readers:
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(ask, range(12)))
        assert 1 <= most <= 4
    assert opened == []
