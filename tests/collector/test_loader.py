"""Whatever happens on the way, each acknowledged request is stored once, in every table, or is a dead letter."""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from spanhouse_collector.errors import DeadLetterUncertain
from spanhouse_collector.load.insertion import Insertion
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import dead_letter
from spanhouse_collector.spool.dead_letter import DeadLetter
from spanhouse_collector.spool.segment import Segment
from spanhouse_schema import Database, DatabaseUnavailable, InputUnreadable, StatementFailed
from tests.collector.loading import Killer, Tenant, drained, load, loading, poisoned, requests, until
from tests.collector.spooling import append, running, send, trace_request

pytestmark = pytest.mark.anyio

_NOT_PROTOBUF = b"\xff not protobuf"


@pytest.fixture
def tenant(database: Database) -> Tenant:
    """A tenant that no other test uses."""
    return Tenant(database, f"t{uuid4().hex}")


def _each_once(count: int) -> Counter[str]:
    return Counter({str(number): 3 for number in range(count)})


def _letters(directory: Path) -> list[DeadLetter]:
    return dead_letter.find_all(directory)


async def test_what_is_spooled_becomes_rows(tmp_path: Path, database: Database, tenant: Tenant) -> None:
    await load(tmp_path, database, [tenant.send(request) for request in requests(20)])
    assert tenant.spans() == _each_once(20)
    assert tenant.traces() == 60
    assert tenant.refusals() == 20
    assert not list((tmp_path / "traces").iterdir())


async def test_rows_follow_within_a_second(tmp_path: Path, database: Database, tenant: Tenant) -> None:
    async with running(tmp_path) as spool, loading(spool, database):
        await append(spool, tenant.send(requests(1)[0]))
        await asyncio.wait_for(drained(spool), 1.0)
        assert tenant.spans() == _each_once(1)


# --- Killed on the way


async def _kill_at_every_step(
    directory: Path,
    database: Database,
    bodies: list[bytes],
    check: Callable[[Tenant, Path], None],
    begin: Callable[[Tenant], None] = lambda _: None,
) -> int:
    """Load the bodies, killed at the first step and started again, at the second, …: how many steps there are."""
    for step in range(400):
        tenant = Tenant(database, f"t{uuid4().hex}")
        spooled = directory / str(step)
        begin(tenant)
        async with running(spooled) as spool:
            sent = [tenant.send(body) for body in bodies]
            await asyncio.gather(*(append(spool, each) for each in sent))
        async with running(spooled) as spool:
            with pytest.MonkeyPatch.context() as patch:
                killer = Killer(step, database, patch)
                async with loading(spool, database):
                    await until(lambda: killer.done or not list(spool.directory.glob("traces/*")))  # noqa: B023  awaited here
        if not killer.done:
            return step
        # The clients send all of it again: they may not have had their answers.
        await load(spooled, database, sent)
        check(tenant, spooled)
    raise AssertionError("loading never ends")


async def test_a_loader_killed_at_any_step_stores_each_request_once(tmp_path: Path, store: Database) -> None:
    def check(tenant: Tenant, directory: Path) -> None:
        assert tenant.spans() == _each_once(5)
        assert tenant.traces() == 15
        assert tenant.refusals() == 5
        assert not _letters(directory)

    assert await _kill_at_every_step(tmp_path, store, requests(5), check) >= 6


@pytest.mark.slow
async def test_so_does_one_killed_while_it_spells_a_segment_anew(tmp_path: Path, database: Database) -> None:
    bodies = requests(3)
    bodies[1] = poisoned(bodies[1])

    def check(tenant: Tenant, directory: Path) -> None:
        assert tenant.spans() == _each_once(3)
        assert tenant.traces() == 9
        assert not _letters(directory)

    assert await _kill_at_every_step(tmp_path, database, bodies, check) >= 8


@pytest.mark.slow
async def test_so_does_one_killed_while_it_looks_for_what_cannot_be_read(tmp_path: Path, database: Database) -> None:
    bodies = [*requests(3), _NOT_PROTOBUF]

    def check(tenant: Tenant, directory: Path) -> None:
        assert tenant.spans() == _each_once(3)
        assert tenant.traces() == 9
        assert tenant.refusals() == 3
        [letter] = _letters(directory)
        assert [digest for digest, _ in tenant.errors()] == [letter.digest]

    assert await _kill_at_every_step(tmp_path, database, bodies, check) >= 15


async def test_an_insert_that_is_repeated_after_an_upgrade_is_still_the_one_that_was_planned(
    tmp_path: Path, database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as spool:
        await append(spool, tenant.send(requests(1)[0]))
    [path] = (tmp_path / "traces").glob("*.segment")
    Insertion(Segment.at(path), Signal.TRACES, database, tmp_path)
    monkeypatch.setattr("spanhouse_collector.load.insertion.insert_settings", lambda _: {"no_such_setting": 1})
    await load(tmp_path, database, [])
    assert tenant.spans() == _each_once(1)


async def test_a_spool_that_was_emptied_and_started_again_uses_no_token_twice(
    tmp_path: Path, database: Database, tenant: Tenant
) -> None:
    for name in ("a", "b", "c"):
        await load(tmp_path, database, [tenant.send(trace_request(3, name))])
    assert tenant.spans() == {"a": 3, "b": 3, "c": 3}


# --- Poisoned segments


@pytest.mark.parametrize("position", [0, 100, 199])
async def test_legal_messages_that_clickhouse_does_not_read_are_spelled_anew(
    tmp_path: Path, store: Database, position: int
) -> None:
    tenant = Tenant(store, f"t{uuid4().hex}")
    bodies = requests(200)
    bodies[position] = poisoned(bodies[position])
    await load(tmp_path, store, [tenant.send(body) for body in bodies])
    assert tenant.spans() == _each_once(200)
    assert not tenant.errors()
    assert not _letters(tmp_path)


async def test_what_cannot_be_read_is_a_dead_letter_alone(tmp_path: Path, store: Database) -> None:
    tenant = Tenant(store, f"t{uuid4().hex}")
    bodies = requests(200)
    sent = [tenant.send(body) for body in (*bodies[:60], _NOT_PROTOBUF, *bodies[60:150], b"\x0a\x05", *bodies[150:])]
    await load(tmp_path, store, sent)
    assert tenant.spans() == _each_once(200)
    assert tenant.traces() == 600
    letters = _letters(tmp_path)
    assert {letter.digest for letter in letters} == {sent[60].digest.hex(), sent[151].digest.hex()}
    assert {letter.tenants for letter in letters} == {(tenant.name,)}
    assert not any(letter.uncertain for letter in letters)
    assert sorted(tenant.errors()) == sorted((letter.digest, letter.error) for letter in letters)
    assert all("Protobuf" in letter.error for letter in letters)
    assert dead_letter.count(tmp_path, Signal.TRACES) == 2


async def test_a_record_damaged_on_disk_is_a_dead_letter_alone(
    tmp_path: Path, database: Database, tenant: Tenant
) -> None:
    async with running(tmp_path) as spool:
        for body in requests(3):
            await append(spool, tenant.send(body))
    [segment] = (tmp_path / "traces").glob("*.segment")
    with segment.open("ab") as file:
        file.write(b"\x70 damaged")
    await load(tmp_path, database, [])
    assert tenant.spans() == _each_once(3)
    assert [letter.requests for letter in _letters(tmp_path)] == [1]


# --- A database that fails


class Fault:
    """Makes some of a database's INSERTs fail; `tokens` are those that were tried."""

    def __init__(self, database: Database, patch: pytest.MonkeyPatch, errors: list[Exception | None]) -> None:
        self.tokens: list[str] = []
        self._errors = errors
        self._insert = database.insert_file
        patch.setattr(database, "insert_file", self._failing)

    def _failing(self, table: str, *args: Any, settings: dict[str, Any]) -> None:
        if table.endswith("otlp_traces"):
            self.tokens.append(settings["insert_deduplication_token"])
            error = self._errors.pop(0) if self._errors else None
            if error is not None:
                # The worst case: it was stored all the same, and only the answer was lost.
                self._insert(table, *args, settings=settings)
                raise error
        self._insert(table, *args, settings=settings)


async def test_a_database_that_is_away_loses_nothing_and_stores_nothing_twice(
    tmp_path: Path, database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault(database, monkeypatch, [DatabaseUnavailable("connection refused")] * 3)
    await load(tmp_path, database, [tenant.send(body) for body in requests(10)])
    assert tenant.spans() == _each_once(10)
    assert tenant.traces() == 30
    assert len(fault.tokens) == 4
    assert len(set(fault.tokens)) == 1


@pytest.mark.parametrize(
    "error",
    [
        StatementFailed("Memory limit exceeded", 241),
        StatementFailed("Table spanhouse.otel_traces does not exist", 60),
        StatementFailed("Not enough privileges", 497),
        OSError(28, "No space left on device"),
        RuntimeError("a fault of our own"),
    ],
)
async def test_what_is_not_the_requests_fault_is_tried_again_until_it_works(
    tmp_path: Path, database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fault = Fault(database, monkeypatch, [error] * 2)
    async with running(tmp_path) as spool:
        await append(spool, tenant.send(requests(1)[0]))
        async with loading(spool, database) as running_loader:
            await until(lambda: Signal.TRACES in running_loader.problems)
            assert str(error) == running_loader.problems[Signal.TRACES]
            assert spool.bytes
            await drained(spool)
            assert not running_loader.problems
    assert tenant.spans() == _each_once(1)
    assert len(set(fault.tokens)) == 1
    assert not _letters(tmp_path)


async def test_memory_that_others_hold_is_waited_for_however_long_it_takes(
    tmp_path: Path, database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault(database, monkeypatch, [StatementFailed("(total) memory limit exceeded", 241)] * 40)
    await load(tmp_path, database, [tenant.send(body) for body in requests(5)], first_delay_s=0.0)
    assert tenant.spans() == _each_once(5)
    assert len(set(fault.tokens)) == 1
    assert not _letters(tmp_path)


@pytest.mark.parametrize("kind", [InputUnreadable, StatementFailed])
async def test_a_request_that_needs_more_memory_than_an_insert_may_have_does_not_keep_the_others_out(
    tmp_path: Path,
    database: Database,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[StatementFailed],
) -> None:
    insert = database.insert_file
    tries = 0

    def without_memory(table: str, path: Path, *args: Any, settings: dict[str, Any]) -> None:
        nonlocal tries
        tries += 1
        if b"immense" in path.read_bytes():
            raise kind("Query memory limit exceeded: would use 3.1 GiB", 241)
        insert(table, path, *args, settings=settings)

    monkeypatch.setattr(database, "insert_file", without_memory)
    sent = [tenant.send(body) for body in (*requests(700), trace_request(9, "immense"))]
    await load(tmp_path, database, sent)
    assert tenant.spans() == _each_once(700)
    [letter] = _letters(tmp_path)
    assert (letter.digest, letter.uncertain) == (sent[-1].digest.hex(), kind is StatementFailed)
    assert tries < 30, "each of them is long"


async def test_one_signal_that_cannot_be_loaded_does_not_stop_the_others(
    tmp_path: Path, database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = database.insert_file

    def failing(table: str, *args: Any, settings: dict[str, Any]) -> None:
        if table.endswith("otlp_logs"):
            raise StatementFailed("no such table", 60)
        insert(table, *args, settings=settings)

    monkeypatch.setattr(database, "insert_file", failing)
    async with running(tmp_path) as spool, loading(spool, database):
        await append(spool, send(b"a log"), Signal.LOGS)
        await append(spool, tenant.send(requests(1)[0]))
        await until(lambda: tenant.spans() == _each_once(1))
        assert spool.bytes


# --- A view that throws


@pytest.fixture
def throwing_view(database: Database) -> Generator[Callable[[Tenant, str], None]]:
    """Makes a view on a tenant's spans, somebody else's, which does not bear names that match a pattern."""

    def make(tenant: Tenant, pattern: str) -> None:
        database.command("DROP VIEW IF EXISTS spanhouse.test_names_mv")
        database.command(
            "CREATE MATERIALIZED VIEW spanhouse.test_names_mv TO spanhouse.test_names AS "
            f"SELECT if(throwIf(match(SpanName, '{pattern}')) = 0, SpanName, '') AS Name "
            f"FROM spanhouse.otel_traces WHERE TenantId = '{tenant.name}'"
        )

    database.command(
        "CREATE TABLE spanhouse.test_names (Name String) ENGINE = MergeTree ORDER BY Name "
        "SETTINGS non_replicated_deduplication_window = 1000"
    )
    yield make
    database.command("DROP VIEW IF EXISTS spanhouse.test_names_mv")
    database.command("DROP TABLE spanhouse.test_names")


ThrowingView = Callable[[Tenant, str], None]


def _names(database: Database) -> Counter[str]:
    return Counter(dict(database.rows("SELECT Name, count() FROM spanhouse.test_names GROUP BY Name")))


async def test_a_request_that_a_view_does_not_bear_is_left_out(
    tmp_path: Path, database: Database, tenant: Tenant, throwing_view: ThrowingView
) -> None:
    throwing_view(tenant, "^3$")
    sent = [tenant.send(body) for body in requests(6)]
    await load(tmp_path, database, sent)
    assert _names(database) == _each_once(6) - Counter({"3": 3})
    assert not tenant.spans() - _each_once(6)
    assert not _names(database) - tenant.spans()
    [letter] = _letters(tmp_path)
    assert letter.digest == sent[3].digest.hex()
    assert "throwIf" in letter.error
    with pytest.raises(DeadLetterUncertain, match="may be stored"):
        dead_letter.retry(tmp_path, letter)


@pytest.mark.slow
async def test_so_it_is_by_a_loader_killed_at_any_step(
    tmp_path: Path, database: Database, throwing_view: ThrowingView
) -> None:
    def check(tenant: Tenant, directory: Path) -> None:
        assert _names(database) == _each_once(2) - Counter({"1": 3})
        assert not tenant.spans() - _each_once(2)
        assert [letter.requests for letter in _letters(directory)] == [1]
        database.command("TRUNCATE TABLE spanhouse.test_names")

    def begin(tenant: Tenant) -> None:
        throwing_view(tenant, "^1$")

    assert await _kill_at_every_step(tmp_path, database, requests(2), check, begin) >= 10


async def test_what_clickhouse_says_of_one_tenants_value_is_not_told_to_another(
    tmp_path: Path, database: Database, tenant: Tenant, throwing_view: ThrowingView
) -> None:
    throwing_view(tenant, "^[34]$")
    neighbour = Tenant(database, f"t{uuid4().hex}")
    first, *others = requests(6)
    await load(tmp_path, database, [neighbour.send(first), *(tenant.send(body) for body in others)])
    [(_, reason)] = neighbour.errors()
    [letter] = _letters(tmp_path)
    assert "throwIf" in letter.error
    assert reason == f"not loaded: in the dead letter {letter.name}, with others"


async def test_where_several_are_at_fault_the_segment_is_set_aside_and_can_be_loaded_when_that_is_mended(
    tmp_path: Path, database: Database, tenant: Tenant, throwing_view: ThrowingView
) -> None:
    throwing_view(tenant, "^[34]$")
    await load(tmp_path, database, [tenant.send(body) for body in requests(6)])
    assert not _names(database)
    [letter] = _letters(tmp_path)
    assert letter.requests == 6
    assert len(tenant.errors()) == 6

    assert all("throwIf" in reason for _, reason in tenant.errors())

    throwing_view(tenant, "never")
    dead_letter.retry(tmp_path, letter, even_if_uncertain=True)
    async with running(tmp_path) as spool, loading(spool, database):
        await until(lambda: _names(database) == _each_once(6))
    assert tenant.spans() == _each_once(6)
    assert tenant.traces() == 18
    assert not _letters(tmp_path)
