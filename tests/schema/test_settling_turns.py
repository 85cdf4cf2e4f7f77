"""Tenants take turns: a flood of one makes the others wait twice as long at most, and settling goes on in stretches."""

from collections.abc import Generator
from pathlib import Path

import polars as pl
import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive import stretch
from spanhouse_schema.derive.settlement import Settlement
from spanhouse_schema.derive.settling import Settling
from spanhouse_schema.errors import DatabaseUnavailable
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.insert_rows import insert

_AGENT = {"gen_ai.operation.name": "invoke_agent"}
_WITHIN_S = 3600
# A stretch, and a flood of twenty of them.
_STRETCH, _FLOOD = 10, 200


@pytest.fixture(autouse=True)
def _alone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that other tests touched is nominated, and stretches are short."""
    database.command("TRUNCATE TABLE spanhouse.touched_traces")
    monkeypatch.setattr(stretch, "MOST_SPANS", _STRETCH)


@pytest.fixture
def settling(database: Database) -> Generator[Settling]:
    with Settling(database) as opened:
        yield opened


def test_whoever_waits_for_a_flood_waits_for_as_many_spans_of_it_as_of_their_own(
    database: Database, settling: Settling, tmp_path: Path
) -> None:
    # By their ids the others' traces come first, last, and between those of the flood.
    flood = [f"m{number:03}" for number in range(_FLOOD)]
    small = {"turns-a": ["a"], "turns-b": ["z1", "z2", "z3"], "turns-c": [f"m{number:03}-" for number in range(20)]}
    insert(database, _spans({"turns-flood": flood, **small}), tmp_path)
    taken = _take(settling)
    assert sorted(trace for few in taken for _, trace in few) == sorted(
        [*flood, *(t for ids in small.values() for t in ids)]
    )
    for tenant, ids in small.items():
        before = _spans_until_done(taken, tenant)
        # As many of each of the four as its own; and a stretch is settled as a whole.
        assert before <= 4 * len(ids) + _STRETCH + len(small), tenant


def test_a_trace_that_is_touched_while_a_flood_is_settled_comes_before_the_next_stretch_of_it(
    database: Database, settling: Settling, tmp_path: Path
) -> None:
    insert(database, _spans({"turns-flood": [f"{number:03}" for number in range(_FLOOD)]}), tmp_path)
    order: list[str] = []
    for number, touches in enumerate(settling.turns.take(_WITHIN_S * 1000)):
        tenants = set(_tenants(touches))
        order.append(tenants.pop() if len(tenants) == 1 else "mixed")
        if number in {3, 8}:
            insert(database, _spans({"turns-late": [f"z{number}"]}), tmp_path)
    assert [at for at, tenant in enumerate(order) if tenant == "turns-late"] == [4, 9]
    assert order.count("turns-flood") == _FLOOD // _STRETCH


def test_a_flood_that_goes_on_is_settled_in_order_and_leaves_what_came_meanwhile_to_the_next_call(
    database: Database, settling: Settling, tmp_path: Path
) -> None:
    insert(database, _spans({"turns-flood": [f"a{number:03}" for number in range(_FLOOD)]}), tmp_path)
    for number, _ in enumerate(settling.turns.take(_WITHIN_S * 1000)):
        # Twice as fast as anybody settles.
        insert(database, _spans({"turns-flood": [f"b{number:03}-{each}" for each in range(2 * _STRETCH)]}), tmp_path)
    # It ends all the same: a stretch of those that waited, a stretch of those that came.
    assert number + 1 <= 2 * (1 + _FLOOD // _STRETCH)
    left = [trace for few in _take(settling) for _, trace in few]
    assert len(left) == len(set(left)) == (number + 1) * 2 * _STRETCH + _FLOOD - (number + 1) * _STRETCH


def test_a_flood_is_settled_once_with_all_that_comes_in_the_middle_of_it(
    database: Database, settling: Settling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(database, _spans({"turns-whole": [f"{number:03}" for number in range(_FLOOD)]}), tmp_path)
    real, comes = settling.write, iter(range(100))

    def write(settlement: Settlement) -> None:
        if next(comes) % 5 == 0:
            insert(database, _spans({"turns-other": [f"z{next(comes)}"]}), tmp_path)
        real(settlement)

    monkeypatch.setattr(settling, "write", write)
    changed = settling.settle(_WITHIN_S)
    changed += settling.settle(_WITHIN_S)
    ((executions, tenants),) = database.rows(
        "SELECT count(), uniqExact(TenantId) FROM spanhouse.agent_executions FINAL "
        "WHERE TenantId IN ('turns-whole', 'turns-other')"
    )
    assert (executions, tenants) == (changed, 2)
    assert settling.settle(_WITHIN_S) == 0


def test_who_dies_in_the_middle_of_a_flood_leaves_nothing_unsettled_however_long_ago_it_came(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Settling(database) as settling:
        settling.settle()
    insert(database, _spans({"turns-dies": [f"{number:03}" for number in range(_FLOOD)]}), tmp_path)
    _two_hours_later(database)
    with Settling(database) as dying, monkeypatch.context() as patch:
        _fail_in_the_third_stretch(patch, dying)
        with pytest.raises(DatabaseUnavailable):
            dying.settle(dying.overdue_s())
    with Settling(database) as next_one:
        assert next_one.settle(next_one.overdue_s()) == _FLOOD - 2 * _STRETCH
        overdue_s = next_one.overdue_s()
        assert overdue_s is not None
        assert overdue_s < _WITHIN_S


def test_a_settling_that_is_to_end_leaves_the_rest_of_a_flood_to_whoever_begins_next(
    database: Database, settling: Settling, tmp_path: Path
) -> None:
    settling.settle()
    insert(database, _spans({"turns-ends": [f"{number:03}" for number in range(_FLOOD)]}), tmp_path)
    _two_hours_later(database)
    goes_on = iter([True, False, False])
    assert settling.settle(settling.overdue_s(), goes_on=goes_on.__next__) == 2 * _STRETCH
    overdue_s = settling.overdue_s()
    assert overdue_s is not None
    assert overdue_s > 2 * _WITHIN_S
    # In the same session, and in another one.
    assert settling.settle(overdue_s, goes_on=goes_on.__next__) == _STRETCH
    settling.close()
    assert settling.settle(overdue_s) == _FLOOD - 3 * _STRETCH


def test_who_looks_less_far_back_than_anybody_settled_does_not_say_that_all_is_settled(database: Database) -> None:
    with Settling(database) as settling:
        settling.settle()
        _two_hours_later(database)
        settling.settle(_WITHIN_S)
        overdue_s = settling.overdue_s()
        assert overdue_s is not None
        assert overdue_s > 2 * _WITHIN_S


def _two_hours_later(database: Database) -> None:
    """Have everything that was touched and settled be so two hours ago."""
    for table, times in (("touched_traces", "At - 7200 AS At"), ("settlers", "SettledTo - 7200 AS SettledTo")):
        rows = [f"spanhouse.{table}", f"SELECT * REPLACE ({times}) FROM spanhouse.{table}"]
        database.command(f"CREATE TABLE spanhouse.earlier ENGINE = MergeTree ORDER BY () AS {rows[1]}")
        database.command(f"TRUNCATE TABLE {rows[0]}")
        database.command(f"INSERT INTO {rows[0]} SELECT * FROM spanhouse.earlier")
        database.command("DROP TABLE spanhouse.earlier SYNC")


def _fail_in_the_third_stretch(patch: pytest.MonkeyPatch, settling: Settling) -> None:
    write, stretches = settling.write, iter(range(3))

    def failing(settlement: Settlement) -> None:
        if next(stretches) == 2:
            raise DatabaseUnavailable("it is away")
        write(settlement)

    patch.setattr(settling, "write", failing)


def _spans(traces: dict[str, list[str]]) -> dict[str, list[Row]]:
    return {tenant: [span("a", _AGENT, TraceId=trace) for trace in ids] for tenant, ids in traces.items()}


def _take(settling: Settling) -> list[list[tuple[str, str]]]:
    """Take all that is touched, as stretches of tenants and traces."""
    return [
        list(zip(_tenants(few), map(bytes.decode, few["TraceId"]), strict=True))
        for few in settling.turns.take(_WITHIN_S * 1000)
    ]


def _tenants(touches: pl.DataFrame) -> list[str]:
    return [tenant.decode() for tenant in touches["TenantId"]]


def _spans_until_done(taken: list[list[tuple[str, str]]], tenant: str) -> int:
    """Return how many spans are settled when the last of a tenant is."""
    last = max(number for number, few in enumerate(taken) if any(whose == tenant for whose, _ in few))
    return sum(map(len, taken[: last + 1]))
