"""A trace that cannot be settled costs itself: it is set aside by name, and everybody else is settled."""

import random
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import polars as pl
import pytest

from spanhouse_schema import Database, StatementFailed
from spanhouse_schema.derive import set_aside, settlement
from spanhouse_schema.derive.rules.derivation import Counted, count
from spanhouse_schema.derive.settling import Settling, settle
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.insert_rows import insert
from tests.support.watched_sessions import watch

AGENT = {"gen_ai.operation.name": "invoke_agent"}
_WITHIN_S = 3600


def test_a_trace_that_cannot_be_settled_is_set_aside_and_no_other(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(database, {"apart": _runs(range(40))}, tmp_path)
    with monkeypatch.context() as patch:
        _poison(patch, "23")
        settle(database, _WITHIN_S)
    assert _settled(database, "apart") == {str(number) for number in range(40)} - {"23"}
    assert _set_aside(database, "apart") == {"23": "ValueError: nobody can settle 23"}
    # Nothing says that the reason is gone; a span more does.
    insert(database, {"apart": [span("late", {}, "a", TraceId="23")]}, tmp_path)
    settle(database, _WITHIN_S)
    assert "23" in _settled(database, "apart")
    assert _set_aside(database, "apart") == {}


def test_a_trace_that_failed_for_a_passing_reason_is_settled_by_a_later_sweep(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(database, {"passing": _runs(range(40))}, tmp_path)
    clock = _Clock(monkeypatch)
    with Settling(database) as settling:
        with monkeypatch.context() as patch:
            _poison(patch, "23")
            settling.settle(_WITHIN_S)
        settling.settle(_WITHIN_S)
        assert _set_aside(database, "passing").keys() == {"23"}
        clock.minutes += 1
        settling.settle(_WITHIN_S)
    assert "23" in _settled(database, "passing")
    assert _set_aside(database, "passing") == {}


def test_a_trace_that_goes_on_failing_is_tried_ever_less_often(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(database, {"backoff": [*_runs(range(40, 50)), *_runs(range(1))]}, tmp_path)
    clock, attempts = _Clock(monkeypatch), []
    with Settling(database) as settling:
        with monkeypatch.context() as patch:
            _poison(patch, "0", lambda: attempts.append(clock.minutes))
            settling.settle(_WITHIN_S)
            attempts.clear()
            for clock.minutes in [*range(1, 70), 123, 124, 183, 184, 243, 244]:
                settling.settle(_WITHIN_S)
        assert attempts == [1, 2, 4, 8, 16, 32, 64, 124, 184, 244]
        clock.minutes += 60
        settling.settle(_WITHIN_S)
    assert _set_aside(database, "backoff") == {}


def test_many_that_go_on_failing_are_tried_a_few_at_a_time_and_each_in_its_turn(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _Clock(monkeypatch)
    traces = pl.DataFrame({"TenantId": [b"many"] * 20, "TraceId": [str(number).encode() for number in range(20)]})
    tried: list[list[bytes]] = []
    with Settling(database) as settling:
        _fail(settling, traces)
        clock.minutes += 1
        while (due := settling.set_aside.due()).height:
            tried.append(due["TraceId"].to_list())
            _fail(settling, due)
        settling.set_aside.release(traces)
    assert [len(few) for few in tried] == [8, 8, 4]
    assert len(set(chain.from_iterable(tried))) == 20


def test_what_fails_for_everybody_sets_nobody_aside(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(database, {"all-fail": _runs(range(40))}, tmp_path)
    with monkeypatch.context() as patch:
        _poison(patch, "")
        with pytest.raises(ValueError, match="nobody can settle"):
            settle(database, _WITHIN_S)
    assert _set_aside(database, "all-fail") == {}
    settle(database, _WITHIN_S)
    assert len(_settled(database, "all-fail")) == 40


def test_through_failures_and_restarts_every_touched_trace_is_settled_or_set_aside(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)
    for round_ in range(8):
        insert(database, {"failing": _runs(range(round_ * 10, round_ * 10 + 10))}, tmp_path)
        with monkeypatch.context() as patch:
            _fail_at_random(patch, database, chance)
            try:
                settle(database, _WITHIN_S)
            except StatementFailed:
                continue
    with Settling(database) as settling:
        settling.settle(_WITHIN_S)
    known = _settled(database, "failing") | _set_aside(database, "failing").keys()
    assert known == {str(number) for number in range(80)}


def _runs(numbers: range) -> list[Row]:
    return [span("a", AGENT, TraceId=str(number)) for number in numbers]


def _fail(settling: Settling, traces: pl.DataFrame) -> None:
    for trace in traces.iter_slices(1):
        settling.set_aside.add(trace, ValueError("nobody can settle it"))


class _Clock:
    """The clock by which attempts are made again, which stands still."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.minutes = 0
        began = time.time_ns() // 1000
        patch.setattr(set_aside, "_now", lambda: began + self.minutes * 60_000_000)


def _poison(patch: pytest.MonkeyPatch, trace: str, fail: Callable[[], object] = lambda: None) -> None:
    """Have the derivation of a trace fail; '' is any."""

    def poisoned(spans: pl.DataFrame, events: pl.DataFrame, rivals: pl.DataFrame) -> Counted:
        if not trace or trace.encode() in spans["TraceId"].to_list():
            if spans["TraceId"].n_unique() == 1:
                fail()
            raise ValueError(f"nobody can settle {trace}")
        return count(spans, events, rivals)

    patch.setattr(settlement, "count", poisoned)


def _fail_at_random(patch: pytest.MonkeyPatch, database: Database, chance: random.Random) -> None:
    """Have one statement in twenty fail, whatever it does."""

    def fail(_: str) -> None:
        if chance.random() < 0.05:
            raise StatementFailed("a statement that fails for no reason", 1)

    watch(patch, database, fail)


def _settled(database: Database, tenant: str) -> set[str]:
    query = f"SELECT TraceId FROM spanhouse.agent_executions FINAL WHERE TenantId = '{tenant}'"
    return {trace for (trace,) in database.rows(query)}


def _set_aside(database: Database, tenant: str) -> dict[str, str]:
    query = f"SELECT TraceId, Reason FROM spanhouse.set_aside_traces FINAL WHERE TenantId = '{tenant}'"
    return dict(database.rows(query))
