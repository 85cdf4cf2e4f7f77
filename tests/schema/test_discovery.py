"""Discovery: each pattern is found where it was planted, with its evidence; nothing in what is well or hardly known."""

from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive.discovery import changed_days, discover
from spanhouse_schema.derive.settling import settle
from tests.reference import Row
from tests.schema.records import Event, query, read, send
from tests.support.in_rounds import Cases, Outcomes
from tests.support.insert_rows import insert
from tests.support.traffic import DAY, Call, Run, healthy, new_trace, rows

OK, FAILS = Call("ledger", "{}", "booked"), Call("ledger", "{}", error="locked")
BEFORE = range(20, 0, -1)
Coming = Iterable[Run] | Mapping[str, list[Row]]
Steps = Generator[Coming]
# After what comes of a case, its own runs or the spans of several tenants, the day is searched.
CASES = Cases[Coming, None]("discovery")


@pytest.fixture(scope="module")
def outcomes(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    directory = tmp_path_factory.mktemp("discovery")

    def go(coming: Mapping[str, Coming]) -> None:
        _perform(database, coming, directory)
        discover(database, DAY)

    return CASES.play(database, go)


def _perform(database: Database, coming: Mapping[str, Coming], directory: Path) -> None:
    spans: dict[str, list[Row]] = {}
    for tenant, each in coming.items():
        spans |= each if isinstance(each, Mapping) else {tenant: rows(each)}
    insert(database, spans, directory)
    settle(database, 120)


def _found(database: Database, tenant: str) -> list[dict[str, Any]]:
    """What was found, as the tenant reads it."""
    return read(database, "agent_discovered_patterns", tenant, "type, execution_context")


def _stored(database: Database, tenant: str) -> list[dict[str, Any]]:
    """The tenant's rows as they were written, each version of them."""
    return query(database, f"SELECT * FROM spanhouse.found_patterns WHERE TenantId = '{tenant}' ORDER BY ALL")


def _usual(agent: str, calls: tuple[Call, ...] = (OK,), runs_a_day: int = 4, days: Iterable[int] = BEFORE) -> list[Run]:
    """Runs as they always are, but for a tenth more or less."""
    chance = Random(agent)
    return [
        Run(agent, day, hour, calls, seconds=chance.uniform(9, 11), cost=chance.uniform(0.09, 0.11))
        for day in days
        for hour in range(runs_a_day)
    ]


# A tool that fails in a row.


@CASES.case
def test_a_tool_that_fails_in_a_row_is_found(database: Database, tenant: str) -> Steps:
    failing = [Run("clerk", hour=1 + number, calls=(FAILS,), trace=new_trace()) for number in range(7)]
    yield [*_usual("clerk"), Run("clerk", hour=0, calls=(OK,)), *failing, Run("clerk", hour=9, calls=(OK,))]
    (pattern,) = _found(database, tenant)
    assert pattern == {
        "pattern_id": pattern["pattern_id"],
        "type": "tool_failing",
        "name": "Tool `ledger` of agent `clerk` fails in a row",
        "description": (
            "Tool `ledger` of agent `clerk` failed 7 times in a row. Of its other 82 calls in 28 days 0 failed."
        ),
        "confidence_score": pytest.approx(7 / (7 + 3.8416)),
        "evidence_count": 7,
        "evidence_items": [run.trace for run in failing],
        "times_referenced": 0,
        "effectiveness_score": None,
        "insight_type": "reliability",
        "execution_context": '{"agent_name":"clerk","subject":"ledger"}',
        "user_feedback_given": False,
        "user_feedback_score": None,
        "user_feedback_comments": [],
        "discovered_by": "spanhouse",
        "task_id": "",
        "client_account_id": "",
        "engagement_id": "",
        "created_at": "2026-10-20 13:00:01.000000000",
        "last_used_at": None,
    }


@CASES.case
def test_failures_in_a_row_within_one_run_are_one_trace(database: Database, tenant: str) -> Steps:
    run = Run("clerk", calls=(*[replace(FAILS, arguments=f"{number}") for number in range(9)],), trace=new_trace())
    yield [*_usual("clerk"), run]
    (pattern,) = _found(database, tenant)
    assert (pattern["type"], pattern["evidence_items"], pattern["evidence_count"]) == ("tool_failing", [run.trace], 1)


@CASES.case
def test_a_row_of_failures_goes_on_over_midnight(database: Database, tenant: str) -> Steps:
    failing = [Run("clerk", 1, 17.9 + number / 25, (FAILS,), trace=new_trace()) for number in range(6)]
    yield [*_usual("clerk"), *failing]
    (pattern,) = _found(database, tenant)
    assert pattern["evidence_items"] == [run.trace for run in failing], "three before midnight, three after it"


@CASES.case
def test_a_tool_that_nearly_always_fails_is_found_however_usual_that_is(database: Database, tenant: str) -> Steps:
    yield _usual("clerk", (FAILS,), 10, range(20, -1, -1))
    (pattern,) = _found(database, tenant)
    assert (pattern["type"], pattern["evidence_count"]) == ("tool_failing", 20)


@CASES.case
def test_four_failures_or_five_of_a_tool_that_often_fails_are_none(database: Database, tenant: str) -> Steps:
    flaky = [replace(run, calls=(FAILS,)) if number % 4 == 0 else run for number, run in enumerate(_usual("flaky"))]
    few = [Run("clerk", calls=(FAILS,) * 4), *_usual("clerk")]
    yield [*few, *flaky, *(Run("flaky", hour=5 + number, calls=(FAILS,)) for number in range(5))]
    assert _found(database, tenant) == []


# The same call again and again.


def _loop(times: int, *calls: Call) -> tuple[Call, ...]:
    return (Call("plan", "start"), *calls * times, Call("report", "end"))


@CASES.each({"answers not recorded": [""], "answers": ["nothing found"]})
def test_a_loop_is_found(database: Database, tenant: str, answer: str) -> Steps:
    looping = Run("scout", calls=_loop(9, Call("search", '{"q": "x"}', answer)), trace=new_trace(), client="c-1")
    yield [*_usual("scout", (Call("search", "other"), Call("search", "another"))), looping]
    (pattern,) = _found(database, tenant)
    assert (pattern["type"], pattern["name"]) == (
        "repeated_call",
        "The same call of `search` of agent `scout` is repeated",
    )
    assert "called `search` 9 times with the same arguments" in pattern["description"]
    assert (pattern["evidence_items"], pattern["evidence_count"]) == ([looping.trace], 1)
    assert (pattern["insight_type"], pattern["client_account_id"]) == ("efficiency", "c-1")
    assert pattern["confidence_score"] == pytest.approx(9 / (9 + 3.8416))


@CASES.each({"two": [2], "three": [3]})
def test_a_loop_of_calls_in_turns_is_found(database: Database, tenant: str, turns: int) -> Steps:
    calls = [Call(tool, '{"q": 1}', "no") for tool in ("find", "open", "read")[:turns]]
    looping = Run("scout", calls=_loop(10, *calls), trace=new_trace())
    yield [*_usual("scout"), looping]
    (pattern,) = _found(database, tenant)
    assert "10 times in turns" in pattern["description"]
    subject = ", ".join(sorted(call.tool for call in calls))
    assert pattern["execution_context"] == f'{{"agent_name":"scout","subject":"{subject}"}}'
    assert (pattern["type"], pattern["evidence_items"]) == ("repeated_call", [looping.trace])


@CASES.case
def test_a_call_that_fails_again_and_again_is_a_loop_and_a_failing_tool(database: Database, tenant: str) -> Steps:
    yield [*_usual("scout"), Run("scout", calls=(FAILS,) * 12)]
    assert [pattern["type"] for pattern in _found(database, tenant)] == ["repeated_call", "tool_failing"]


LONG = "x" * 500


@CASES.each(
    {
        "arguments unknown": [[Call("search", "", "no")] * 20],
        "few": [[Call("search", '{"q": 1}', "no")] * 5],
        "another end": [[Call("write", f"{LONG}{number}", "ok") for number in range(20)]],
        "something in between": [
            [each for number in range(20) for each in (Call("edit", f"{number}", "ok"), Call("test", "{}", "failed"))]
        ],
        "waiting": [[*[Call("job_status", "7", "pending")] * 30, Call("job_status", "7", "done")]],
        "progress": [[Call("job_status", "7", f"{percent} %") for percent in range(30)]],
    }
)
def test_what_only_looks_like_a_loop_is_none(database: Database, tenant: str, calls: list[Call]) -> Steps:
    yield [*_usual("scout"), Run("scout", calls=tuple(calls))]
    assert _found(database, tenant) == []


@CASES.case
def test_long_arguments_are_the_same_only_as_a_whole(database: Database, tenant: str) -> Steps:
    looping = Run("scout", calls=(Call("write", LONG, "ok"),) * 12, trace=new_trace())
    yield [*_usual("scout"), looping]
    (pattern,) = _found(database, tenant)
    assert (pattern["type"], pattern["evidence_items"]) == ("repeated_call", [looping.trace])


@CASES.case
def test_an_agent_that_always_waits_like_that_is_well_until_it_waits_for_much_longer(
    database: Database, tenant: str
) -> Steps:
    waiting = [Call("job_status", "7")] * 12
    yield [*_usual("waiter", tuple(waiting)), *(Run("waiter", hour=hour, calls=(*waiting * 2,)) for hour in range(5))]
    assert _found(database, tenant) == []
    endless = Run("waiter", hour=9, calls=(*waiting * 4,), trace=new_trace())
    yield [endless]
    (pattern,) = _found(database, tenant)
    assert pattern["evidence_items"] == [endless.trace]


# Cost and duration.


@CASES.each(
    {
        "cost": [
            Run("quant", seconds=10, cost=3),
            "cost_off",
            "cost up to 3 USD; of the 80 before, half cost less than 0.0",
        ],
        "duration": [
            Run("quant", seconds=300, cost=0.1),
            "duration_off",
            "took up to 300 s; of the 80 before, half took less",
        ],
    }
)
def test_a_run_far_off_the_agents_own_history_is_found(
    database: Database, tenant: str, far: Run, type_: str, shown: str
) -> Steps:
    trace = new_trace()
    today = [*_usual("quant", days=[0]), replace(far, trace=trace), replace(far, agent="new")]
    yield [*_usual("quant"), *today, *_usual("dear", days=range(20, -1, -1))]
    (pattern,) = _found(database, tenant)
    assert (pattern["type"], pattern["evidence_items"], pattern["evidence_count"]) == (type_, [trace], 1)
    assert pattern["description"].startswith("1 of 5 runs of agent `quant` ")
    assert shown in pattern["description"]
    assert pattern["confidence_score"] == pytest.approx(80 / (80 + 3.8416))


@CASES.case
def test_odd_runs_of_the_past_do_not_hide_a_new_one(database: Database, tenant: str) -> Steps:
    odd = [Run("quant", day, 9, seconds=10, cost=5) for day in (3, 11)]
    far = Run("quant", cost=4, trace=new_trace())
    yield [*_usual("quant"), *odd, far]
    assert [pattern["evidence_items"] for pattern in _found(database, tenant)] == [[far.trace]]


@CASES.case
def test_a_day_that_is_dearer_than_ever_is_found_although_no_single_run_is_far_off(
    database: Database, tenant: str
) -> Steps:
    chance = Random(1)
    usual = [replace(run, cost=chance.lognormvariate(-3, 0.8)) for run in _usual("quant", runs_a_day=10)]
    dearer = [
        Run("quant", hour=hour / 2, cost=chance.lognormvariate(-3 + 1.6, 0.8), trace=new_trace()) for hour in range(30)
    ]
    yield [*usual, *dearer]
    (pattern,) = _found(database, tenant)
    middle = sorted(run.cost or 0 for run in usual)[::-1][len(usual) // 2]
    assert pattern["type"] == "cost_off"
    assert pattern["evidence_items"] == [run.trace for run in dearer if (run.cost or 0) >= 3 * middle][:20]
    assert pattern["evidence_count"] > 15


@CASES.case
def test_more_for_little_is_nothing(database: Database, tenant: str) -> Steps:
    quick = [replace(run, seconds=run.seconds / 1000, cost=(run.cost or 0) / 10_000) for run in _usual("quick")]
    yield [*quick, Run("quick", seconds=0.9, cost=0.009)]
    assert _found(database, tenant) == []


@CASES.case
def test_a_cost_that_nobody_knows_is_not_zero(database: Database, tenant: str) -> Steps:
    yield [replace(run, cost=None) for run in _usual("quant")]
    yield [Run("quant", cost=5)]
    assert _found(database, tenant) == []


# What precedes failure.

GOOD, BAD = (Call("fetch"), Call("check"), Call("store")), (Call("fetch"), Call("purge"), Call("store"))


@CASES.case
def test_a_sequence_that_precedes_failure_is_found_with_the_failures_of_the_day(
    database: Database, tenant: str
) -> Steps:
    failing = [Run("keeper", day, 7, BAD, error="gone", trace=new_trace()) for day in (9, 6, 6, 3, 2, 1, 0, 0)]
    fine = [Run("keeper", day, 8, BAD) for day in (8, 5)]
    sporadic = [Run("keeper", day, 9, GOOD, error="boom", trace=new_trace()) for day in (7, 0)]
    yield [*_usual("keeper", GOOD), *failing, *fine, *sporadic]
    (pattern,) = _found(database, tenant)
    assert pattern["type"] == "sequence_before_failure"
    assert pattern["name"] == "Runs of agent `keeper` fail after `fetch`, `purge`, `store`"
    assert pattern["description"] == (
        "8 of 10 runs of agent `keeper` that called `fetch`, then `purge`, then `store` failed in 28 days, "
        "2 of its 82 others."
    )
    assert pattern["evidence_items"] == [run.trace for run in failing[-2:]]
    assert pattern["confidence_score"] == pytest.approx(0.49, abs=0.01)


@CASES.case
def test_a_pair_is_told_where_more_runs_have_it_than_what_is_around_it(database: Database, tenant: str) -> Steps:
    chance = Random(3)
    failing = [
        Run(
            "keeper",
            hour=number / 2,
            calls=(Call(chance.choice("abc")), *BAD[:2], Call(chance.choice("abc"))),
            error="gone",
        )
        for number in range(40)
    ]
    yield [*_usual("keeper", GOOD), *failing]
    assert [pattern["execution_context"] for pattern in _found(database, tenant)] == [
        '{"agent_name":"keeper","subject":"fetch → purge"}'
    ]


@CASES.case
def test_a_sequence_that_fails_little_more_often_is_none(database: Database, tenant: str) -> Steps:
    runs = [*_usual("keeper", GOOD, 20), *_usual("keeper", BAD, 20, range(20, -1, -1))]
    yield (
        [
            replace(run, error="boom" if number % (7 if run.calls == BAD else 14) == 0 else "")
            for number, run in enumerate(runs)
        ]
    )
    assert _found(database, tenant) == []


# What is well, and what is hardly known.


@pytest.mark.slow
def test_nothing_is_found_in_weeks_of_many_agents_that_are_well(database: Database, tmp_path: Path) -> None:
    chances = {f"discovery-well-{seed}": Random(seed) for seed in (1, 2)}
    weeks = range(38, -1, -1)
    runs = {
        tenant: [run for number in range(15) for run in healthy(f"agent-{number}", chance, weeks)]
        for tenant, chance in chances.items()
    }
    _perform(database, runs, tmp_path)
    for days in range(10, -1, -2):
        discover(database, DAY - timedelta(days))
        assert [_found(database, tenant) for tenant in runs] == [[], []]


@CASES.case
def test_too_little_is_known_of_a_new_agent(database: Database, tenant: str) -> Steps:
    runs = [
        *(Run("quant", day, 1, cost=0.1) for day in range(28, 0, -1)),
        *(Run("quant", 1, 2, seconds=10, cost=0.1) for _ in range(21)),
        Run("quant", cost=90, seconds=9000, calls=(FAILS,) * 4),
        *(Run("keeper", calls=BAD, error="gone") for _ in range(9)),
        *(Run("keeper", hour=1, calls=GOOD) for _ in range(30)),
    ]
    yield runs
    assert _found(database, tenant) == []


# What is found is a function of what is stored.


@CASES.each({"1": [1], "2": [2]})
def test_what_is_found_depends_neither_on_the_order_of_spans_nor_on_earlier_searches(
    database: Database, tenant: str, seed: int
) -> Steps:
    looping = Run("clerk", hour=5, calls=_loop(9, Call("search", "x")), trace=new_trace())
    failing = (Run("clerk", hour=hour, calls=(FAILS,), trace=new_trace()) for hour in range(6, 14))
    spans = rows([*_usual("clerk"), *failing, looping, Run("clerk", cost=7, trace=new_trace())])
    chance = Random(seed)
    shuffled = chance.sample(spans, len(spans))
    parts = [{f"{tenant}-parts": [*shuffled[part::4], *chance.choices(spans, k=9)]} for part in range(4)]
    yield {tenant: spans, **parts[0]}
    at_once = _found(database, tenant)
    assert {pattern["type"] for pattern in at_once} == {"cost_off", "repeated_call", "tool_failing"}
    yield from parts[1:]
    in_parts = _found(database, f"{tenant}-parts")
    assert [each | {"pattern_id": ""} for each in in_parts] == [each | {"pattern_id": ""} for each in at_once]


@CASES.case
def test_to_search_again_writes_nothing(database: Database, tenant: str) -> Steps:
    yield [*_usual("clerk"), *(Run("clerk", calls=(FAILS,)) for _ in range(7))]
    assert len(_found(database, tenant)) == 1
    once = _stored(database, tenant)
    discover(database, DAY)
    assert len(_found(database, tenant)) == 1
    assert _stored(database, tenant) == once


@CASES.case
def test_two_that_search_at_once_find_the_same_once(database: Database, tenant: str) -> Steps:
    yield [*_usual("clerk"), *(Run("clerk", calls=(FAILS,)) for _ in range(7))]
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(lambda _: discover(database, DAY), range(4)))
    assert len(found) == 1
    (pattern,) = _found(database, tenant)
    assert pattern["evidence_count"] == 7


def test_a_day_begins_where_the_installation_is(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = "discovery-elsewhere"
    failing = [Run("clerk", hour=7 + number, calls=(FAILS,)) for number in range(7)]
    _perform(database, {tenant: [*_usual("clerk"), *failing]}, tmp_path)
    monkeypatch.setattr(database, "timezone", "Pacific/Auckland")
    discover(database, DAY)
    assert _found(database, tenant) == [], "it is tomorrow there"
    discover(database, DAY + timedelta(1))
    assert len(_found(database, tenant)) == 1


@CASES.case
def test_late_data_that_undoes_a_pattern_takes_it_back_and_what_brings_it_again_brings_it_back(
    database: Database, tenant: str
) -> Steps:
    yield [*_usual("clerk"), *(Run("clerk", hour=2 * number, calls=(FAILS,)) for number in range(8))]
    (first,) = _found(database, tenant)
    yield [Run("clerk", hour=2 * number + 1, calls=(OK,)) for number in range(7)]
    assert _found(database, tenant) == []
    yield [Run("clerk", hour=16, calls=(FAILS,) * 12)]
    found = [pattern for pattern in _found(database, tenant) if pattern["type"] == "tool_failing"]
    assert [pattern["pattern_id"] for pattern in found] == [first["pattern_id"]]


@CASES.case
def test_a_pattern_of_several_days_is_one_with_the_evidence_of_each(database: Database, tenant: str) -> Steps:
    looping = [Run("scout", day, calls=_loop(20 + day, Call("search", "x")), trace=new_trace()) for day in (2, 0)]
    yield [*_usual("scout"), *looping]
    discover(database, DAY - timedelta(2))
    (pattern,) = _found(database, tenant)
    assert (pattern["evidence_items"], pattern["evidence_count"]) == ([run.trace for run in looping], 2)
    assert "20 times" in pattern["description"], "the latest day is told"
    assert pattern["created_at"].startswith("2026-10-18")


@CASES.case
def test_tenants_are_searched_apart(database: Database, tenant: str) -> Steps:
    # Neither has five failures in a row; together they had ten.
    other = f"{tenant}-other"
    looping = Run("clerk", calls=_loop(9, Call("search", "x")), trace=new_trace())
    ours, theirs = (
        [*_usual("clerk"), *(Run("clerk", hour=number + later, calls=(FAILS,)) for number in range(4))]
        for later in (0, 0.5)
    )
    yield {tenant: rows(ours), other: rows([*theirs, looping])}
    assert _found(database, tenant) == []
    assert [pattern["evidence_items"] for pattern in _found(database, other)] == [[looping.trace]]


@CASES.case
def test_the_same_pattern_of_two_tenants_is_two_patterns(database: Database, tenant: str) -> Steps:
    spans = rows([*_usual("clerk"), *(Run("clerk", hour=number, calls=(FAILS,)) for number in range(7))])
    yield {tenant: spans, f"{tenant}-other": spans}
    (ours,), (theirs,) = _found(database, tenant), _found(database, f"{tenant}-other")
    assert ours["name"] == theirs["name"]
    assert ours["pattern_id"] != theirs["pattern_id"]


@CASES.case
def test_what_people_think_of_a_pattern_and_how_often_it_was_used_is_shown(database: Database, tenant: str) -> Steps:
    yield [*_usual("clerk"), *(Run("clerk", calls=(FAILS,)) for _ in range(7))]
    (pattern,) = _found(database, tenant)
    about = {"spanhouse.feedback.pattern_id": pattern["pattern_id"]}
    said = [
        Event(
            "spanhouse.feedback",
            1,
            about | {"spanhouse.feedback.score": 0.75, "spanhouse.feedback.comment": "so it is"},
        ),
        Event("spanhouse.pattern.referenced", 2, {"spanhouse.pattern.id": pattern["pattern_id"]}),
    ]
    with TemporaryDirectory() as directory:
        send(database, tenant, said, Path(directory))
    (judged,) = _found(database, tenant)
    assert (judged["effectiveness_score"], judged["user_feedback_comments"]) == (0.75, ["so it is"])
    assert (judged["times_referenced"], judged["evidence_count"]) == (1, 7)


def test_patterns_are_found_wherever_clickhouse_runs(store: Database, tmp_path: Path) -> None:
    tenant = "discovery-store"
    looping = Run("clerk", calls=(*_loop(9, Call("write", LONG, "ok")), *[FAILS] * 7), cost=9, trace=new_trace())
    failing = [Run("clerk", hour=9, calls=BAD, error="gone", trace=new_trace()) for _ in range(12)]
    _perform(store, {tenant: [*_usual("clerk"), looping, *failing]}, tmp_path)
    discover(store, DAY)
    assert {pattern["type"]: pattern["evidence_items"] for pattern in _found(store, tenant)} == {
        "cost_off": [looping.trace],
        "repeated_call": [looping.trace],
        "sequence_before_failure": [run.trace for run in failing],
        "tool_failing": [looping.trace],
    }


def test_the_days_to_search_are_those_of_what_was_settled_and_today_and_yesterday(
    database: Database, tmp_path: Path
) -> None:
    ((today,),) = database.rows("SELECT toDate(now('UTC'))")
    runs = [Run("a", (DAY - today).days + 3), Run("a", (DAY - today).days + 60)]
    _perform(database, {"discovery-lately": runs}, tmp_path)
    changed = changed_days(database, 60)
    assert {today - timedelta(3), today - timedelta(1), today} <= set(changed)
    assert today - timedelta(60) not in changed
    assert changed == sorted(changed, reverse=True)
    assert changed_days(database, 0) == []
