"""A trace that cannot be settled costs itself: it is set aside by name, and everybody else is settled."""

import random
from pathlib import Path

import polars as pl
import pytest

from spanhouse_schema import Database, StatementFailed
from spanhouse_schema.derive import settlement
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


def _poison(patch: pytest.MonkeyPatch, trace: str) -> None:
    """Have the derivation of a trace fail; '' is any."""

    def poisoned(spans: pl.DataFrame, events: pl.DataFrame, rivals: pl.DataFrame) -> Counted:
        if not trace or trace.encode() in spans["TraceId"].to_list():
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
