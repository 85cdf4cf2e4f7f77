"""Nobody waits for what the budget says, and it is known all the same; against a stand-in for the API."""

import asyncio
import inspect
import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from threading import Barrier, Event

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import get_current_span

import spanhouse
from spanhouse import BudgetExceeded, SpanhouseError, _polled_answers, budget
from spanhouse._polled_answers import STALE_S, Answers
from tests.sdk.budget_api import SPENT, BudgetApi, answer
from tests.sdk.conftest import Telemetry
from tests.sdk.receiving import PATIENCE_S, run, running
from tests.support.process import free_port
from tests.support.waiting import until


@dataclass
class Clock:
    """The monotonic clock, as far as the age of answers goes by it: it stands still until a test moves it."""

    s: float = 1_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_polled_answers, "monotonic", lambda: clock.s)
    return clock


def test_the_answer_says_what_to_do_and_by_which_limits(api: BudgetApi) -> None:
    api.body = SPENT
    verdict = budget.refresh()
    assert (verdict.verdict, verdict.allowed, verdict.known) == ("stop", False, True)
    assert verdict.budgets[2] == budget.Budget("user", "ada", "month", Decimal(100), Decimal(10), Decimal(90), "allow")
    assert verdict.tightest == verdict.budgets[1]


def test_what_is_unknown_is_none(api: BudgetApi) -> None:
    api.body = (
        b'{"verdict": "warn", "more": 1, "budgets": [{"scope": "tenant", "scope_id": "", "period": "day",'
        b' "limit_usd": null, "used_usd": null, "remaining_usd": null, "verdict": "warn"}]}'
    )
    verdict = budget.refresh()
    assert verdict.allowed
    assert verdict.tightest is not None
    assert (verdict.tightest.limit_usd, verdict.tightest.used_usd, verdict.tightest.remaining_usd) == (None, None, None)


def test_it_asks_for_whom_it_is_told_and_otherwise_for_those_that_the_caller_is_in(api: BudgetApi) -> None:
    budget.configure(api.url + "/", api_key="sh_read_1")
    budget.refresh("a b", user="u&1")
    with spanhouse.session("cycle-1", user="ada"), spanhouse.agent("planner"):
        budget.refresh()
        budget.refresh("another")
    budget.refresh()
    assert [query for query, _ in api.asked] == [
        {"agent": "a b", "user": "u&1"},
        {"agent": "planner", "user": "ada", "session": "cycle-1"},
        {"agent": "another", "user": "ada", "session": "cycle-1"},
        {},
    ]
    assert {headers["x-api-key"] for _, headers in api.asked} == {"sh_read_1"}


def test_where_it_asks_may_be_said_by_the_environment(api: BudgetApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANHOUSE_API_URL", api.url)
    monkeypatch.setenv("SPANHOUSE_API_KEY", "sh_read_2")
    budget.configure()
    assert budget.refresh().known
    assert api.asked[0][1]["x-api-key"] == "sh_read_2"


def test_the_first_call_does_not_wait_and_the_next_ones_know(api: BudgetApi) -> None:
    assert budget.check() == budget.Verdict("allow", known=False)
    until(lambda: budget.check().known)
    assert budget.check().budgets[0].used_usd == Decimal("1.25")


@pytest.mark.parametrize(("policy", "allowed"), [("open", True), ("closed", False)])
def test_while_nothing_is_known_the_policy_answers(api: BudgetApi, policy: budget.Policy, allowed: bool) -> None:
    budget.configure(api.url, policy=policy)
    api.goes_on.clear()
    for verdict in (budget.check(), budget.refresh(timeout_s=0.05)):
        assert (verdict.allowed, verdict.known) == (allowed, False)


def test_a_new_session_is_judged_by_what_other_answers_said_of_its_agent_and_its_tenant(api: BudgetApi) -> None:
    api.body = SPENT
    budget.refresh("researcher", "ada", "cycle-1")
    api.goes_on.clear()
    assert budget.check("researcher", session="cycle-2").verdict == "stop"
    assert budget.check("writer", "ada", "cycle-2").verdict == "warn"
    writers = budget.check("writer", "bob", "cycle-2")
    assert [each.scope for each in writers.budgets] == ["tenant"]


def test_a_good_answer_is_not_asked_for_again(api: BudgetApi) -> None:
    budget.refresh()
    for _ in range(100):
        assert budget.check().known
    assert len(api.asked) == 1


def test_an_old_answer_counts_while_a_new_one_is_fetched(api: BudgetApi, clock: Clock) -> None:
    budget.configure(api.url, ttl_s=5)
    budget.refresh()
    clock.s += 6
    api.body = SPENT
    api.goes_on.clear()
    assert budget.check().verdict == "allow"
    until(lambda: len(api.asked) == 2)
    assert budget.check().verdict == "allow"
    api.goes_on.set()
    until(lambda: budget.check().verdict == "stop")


def test_an_answer_that_is_too_old_counts_no_more(api: BudgetApi, clock: Clock) -> None:
    budget.configure(api.url, ttl_s=5, policy="closed")
    assert budget.refresh().known
    api.goes_on.clear()
    clock.s += 5 + STALE_S - 1
    assert budget.check().known
    clock.s += 1
    assert not budget.check().known


def test_many_who_ask_at_once_are_one_request(api: BudgetApi) -> None:
    api.goes_on.clear()
    together = Barrier(8)

    def ask(number: int) -> bool:
        together.wait()
        return any(budget.check(f"agent-{number % 2}").known for _ in range(200))

    with ThreadPoolExecutor(8) as threads:
        assert not any(threads.map(ask, range(8)))
    api.goes_on.set()
    until(lambda: len(api.asked) == 2 and budget.check("agent-0").known and budget.check("agent-1").known)
    assert len(api.asked) == 2


def test_nobody_waits_while_an_answer_is_fetched() -> None:
    asked, goes_on = Event(), Event()

    def ask(question: str) -> str:
        asked.set()
        goes_on.wait()
        return f"heard {question}"

    answers = Answers(ask, ttl_s=60, whom="nobody")
    for _ in range(500):
        assert answers.latest("it") is None
    assert asked.wait(20)
    assert answers.latest("it") is None
    goes_on.set()
    until(lambda: answers.latest("it") == "heard it")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b"a key is needed"),
        (500, SPENT),
        (302, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, answer("perhaps")),
        (200, b'{"verdict": "stop"}'),
        (200, SPENT.replace(b'"4.5"', b'"much"')),
        (200, SPENT.replace(b'"4.5"', b'"NaN"')),
        (200, SPENT.replace(b"scope_id", b"id")),
        (200, b"\xff" * (2 << 20)),
    ],
)
def test_what_is_no_answer_is_said_once_and_the_policy_answers(
    api: BudgetApi, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    caplog.set_level(logging.WARNING, "spanhouse")
    api.status, api.body = status, body
    if status == 302:
        api.headers = {"location": f"{api.url}/api/v1/budgets/check"}
    for _ in range(3):
        assert not budget.refresh().known
    assert len(api.asked) == 3
    (said,) = caplog.messages
    assert api.url in said


def test_an_api_that_is_down_costs_nothing_but_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "spanhouse")
    budget.configure(f"http://127.0.0.1:{free_port()}", policy="closed")
    with pytest.raises(BudgetExceeded, match="nobody has said what may be spent"), budget.guard():
        pytest.fail("it ran")
    assert not budget.refresh().known
    assert len(caplog.messages) == 1


def test_what_was_heard_counts_while_the_api_is_down(api: BudgetApi, clock: Clock) -> None:
    budget.configure(api.url, ttl_s=5)
    api.body = SPENT
    budget.refresh()
    api.status = 503
    clock.s += 6
    assert budget.refresh().verdict == "stop"


def test_the_guard_lets_run_what_may_and_says_of_the_rest_what_was_spent_of_what(api: BudgetApi) -> None:
    budget.refresh()
    with budget.guard() as verdict:
        assert verdict.verdict == "allow"
    api.body = SPENT
    budget.refresh()
    with pytest.raises(BudgetExceeded) as refused, budget.guard():
        pytest.fail("it ran")
    assert str(refused.value) == (
        "agent researcher has spent 2.53 of 2.5 USD today."
        " Raise the limit with `spanhouse budgets set`, or wait until its time is over"
    )
    assert refused.value.verdict.verdict == "stop"
    from_another_process = pickle.loads(pickle.dumps(refused.value))
    assert str(from_another_process) == str(refused.value)
    assert from_another_process.verdict == refused.value.verdict


def test_a_guarded_function_is_the_same_function_and_asks_at_each_call(api: BudgetApi) -> None:
    @budget.guard("researcher")
    def look(topic: str, *, deep: bool = False) -> str:
        """Look it up."""
        return f"{topic} {deep}"

    @budget.guard("researcher")
    async def research(topic: str) -> str:
        await asyncio.sleep(0)
        return topic

    budget.refresh("researcher")
    assert look("otters", deep=True) == "otters True"
    assert (look.__name__, look.__doc__) == ("look", "Look it up.")
    assert inspect.iscoroutinefunction(research)
    assert asyncio.run(research("otters")) == "otters"
    api.body = SPENT
    budget.refresh("researcher")
    with pytest.raises(BudgetExceeded):
        look("otters")
    with pytest.raises(BudgetExceeded):
        asyncio.run(research("otters"))


def test_a_call_that_the_guard_refuses_is_no_run_where_it_stands_above(api: BudgetApi, telemetry: Telemetry) -> None:
    @budget.guard("researcher")
    @spanhouse.agent("researcher")
    def research() -> None:
        """Do nothing."""

    research()
    api.body = SPENT
    budget.refresh("researcher")
    with pytest.raises(BudgetExceeded):
        research()
    assert len(telemetry.spans) == 1


def test_the_guard_guards_a_block_of_asyncio(api: BudgetApi) -> None:
    async def run() -> str:
        async with budget.guard() as verdict:
            return verdict.verdict

    assert asyncio.run(run()) == "allow"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"api_url": "localhost:8000"}, "localhost:8000"),
        ({"api_url": "file:///etc/passwd"}, "file:"),
        ({"api_url": "http://[::1"}, "::1"),
        ({"api_key": "sh_read_1\n"}, "^the API key holds characters that no key has, a line break perhaps$"),
        ({"ttl_s": 0}, "ttl_s is 0"),
        ({"policy": "shut"}, "policy is 'shut'"),
    ],
)
def test_a_wrong_configuration_is_refused(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(SpanhouseError, match=named):
        budget.configure(**arguments)  # type: ignore[arg-type]  # that is what is tried


def test_a_wrong_environment_is_said_and_raises_nothing_into_the_agent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SPANHOUSE_API_URL", "localhost:8000")
    monkeypatch.setattr(budget, "_api", None)
    assert budget.check().allowed
    assert "'localhost:8000'" in caplog.messages[0]


def test_a_guard_without_brackets_is_refused() -> None:
    with pytest.raises(SpanhouseError, match=r"write @guard\(\)"):
        budget.guard(print)  # type: ignore[arg-type]  # that is what is tried


def test_answers_are_bounded_and_the_ones_in_use_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_polled_answers, "MAX_QUESTIONS", 10)
    asked: list[int] = []

    def ask(question: int) -> int:
        asked.append(question)
        return question

    answers = Answers(ask, ttl_s=60, whom="nobody")
    for question in range(50):
        answers.fetched(question, 5)
        assert answers.latest(0) == 0
    assert len(answers._heard) == 10
    assert asked.count(0) == 1


def test_asking_is_of_no_run_and_no_instrumented_client_records_it() -> None:
    with spanhouse.agent("planner"):
        answers: Answers[str, tuple[bool, bool]] = Answers(
            lambda _: (is_instrumentation_enabled(), get_current_span().get_span_context().is_valid),
            ttl_s=60,
            whom="nobody",
        )
        assert answers.fetched("?", 5) == (False, False)


def test_a_forked_child_asks_for_itself(api: BudgetApi) -> None:
    api.goes_on.clear()
    with running("budget_in_a_fork", api.url) as program:
        until(lambda: api.asked, PATIENCE_S)
        assert program.stdin is not None
        program.stdin.close()
        until(lambda: {"agent": "child"} in [query for query, _ in api.asked], PATIENCE_S)
        api.goes_on.set()
        assert program.wait(PATIENCE_S) == 0


def test_the_end_of_the_interpreter_waits_for_nobody(api: BudgetApi) -> None:
    api.goes_on.clear()
    ended = run("budget_at_exit", api.url)
    assert (ended.stdout, ended.stderr) == ("False\n", "")
