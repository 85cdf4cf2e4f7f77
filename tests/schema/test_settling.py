"""Executions and calls of every recording: as the oracle derives them, and as the programs really ran."""

import json
from collections.abc import Mapping

import pytest

from spanhouse_schema import Database
from tests.reference import Row
from tests.support import corpus_figures
from tests.support.corpus_spans import LONG, recorded
from tests.support.expected_executions import assert_settled, stored_calls, stored_executions

_NAMES = [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in recorded()]


@pytest.mark.parametrize("name", _NAMES)
def test_executions_and_calls_are_what_the_oracle_derives(
    database: Database, corpus: Mapping[str, list[Row]], name: str
) -> None:
    assert_settled(database, name, corpus[name])


@pytest.fixture(scope="module")
def counted(database: Database, corpus: Mapping[str, list[Row]]) -> dict[str, corpus_figures.Figures]:
    """What SQL says of each recording."""
    return {name: corpus_figures.counted(database, name) for name in corpus_figures.expected()}


@pytest.mark.parametrize("name", corpus_figures.expected())
def test_sql_counts_what_the_program_did(counted: dict[str, corpus_figures.Figures], name: str) -> None:
    wanted = corpus_figures.expected()[name]
    missed = {figure: value for figure, value in wanted.items() if counted[name][figure] != value}
    assert missed == corpus_figures.misses().get(name, {})


@pytest.mark.parametrize("name", corpus_figures.expected())
def test_the_manual_shows_what_sql_counts(counted: dict[str, corpus_figures.Figures], name: str) -> None:
    assert corpus_figures.recordings()[name] == counted[name], (
        f"docs/recordings.json: {json.dumps({name: counted[name]})}"
    )


def test_the_manual_shows_every_recording() -> None:
    assert list(corpus_figures.recordings()) == list(corpus_figures.expected())


@pytest.mark.parametrize("name", corpus_figures.expected())
def test_the_sessions_and_users_that_the_wire_names_are_there(
    database: Database, corpus: Mapping[str, list[Row]], name: str
) -> None:
    executions = stored_executions(database, name).values()
    assert corpus_figures.visible("sessions")[name] <= {each["SessionId"] for each in executions}
    assert corpus_figures.visible("users")[name] <= {each["UserId"] for each in executions}


def test_a_span_that_says_zero_tokens_used_none(database: Database, corpus: Mapping[str, list[Row]]) -> None:
    (call,) = stored_calls(database, "edge/0011-traces.pb").values()
    assert (call["InputTokens"], call["CacheReadTokens"], call["OutputTokens"]) == (0, None, 20)


def test_what_an_agent_repeats_of_its_calls_counts_once(database: Database, corpus: Mapping[str, list[Row]]) -> None:
    (execution,) = stored_executions(database, "edge/0060-traces.pb").values()
    assert (execution["ModelCalls"], execution["InputTokens"], execution["OutputTokens"]) == (2, 300, 50)


def test_what_an_agent_alone_tells_counts(database: Database, corpus: Mapping[str, list[Row]]) -> None:
    (execution,) = stored_executions(database, "edge/0061-traces.pb").values()
    assert (execution["ModelCalls"], execution["InputTokens"], execution["OutputTokens"]) == (0, 300, 50)


@pytest.mark.parametrize("name", ["edge/0062-traces.pb", "edge/0063-traces.pb"], ids=["nested", "siblings"])
def test_a_call_that_two_instrumentations_tell_of_counts_once(
    database: Database, corpus: Mapping[str, list[Row]], name: str
) -> None:
    (call,) = stored_calls(database, name).values()
    assert (call["Kind"], call["InputTokens"], call["OutputTokens"]) == ("model", 100, 20)


def test_a_trace_of_ten_thousand_spans_is_one_execution(database: Database, corpus: Mapping[str, list[Row]]) -> None:
    (execution,) = stored_executions(database, "edge/0056-traces.pb.gz").values()
    assert (execution["ModelCalls"], execution["ToolCalls"]) == (3333, 3333)
    assert (execution["InputTokens"], execution["OutputTokens"]) == (33330, 6666)


@pytest.mark.parametrize("name", ["edge/0057-traces.pb.gz", "plain-flask"])
def test_spans_of_no_agent_make_no_execution(database: Database, corpus: Mapping[str, list[Row]], name: str) -> None:
    assert stored_executions(database, name) == {}
    assert stored_calls(database, name) == {}


def test_a_root_that_comes_later_joins_what_came_before(database: Database, corpus: Mapping[str, list[Row]]) -> None:
    assert len(stored_executions(database, "edge/0046-traces.pb")) == 1
