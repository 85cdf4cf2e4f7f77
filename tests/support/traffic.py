"""What agents do, and what those that are well do day by day: runs unlike each other, sporadic failures, waiting."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from random import Random

from tests.reference import Row
from tests.support.corpus_spans import span

DAY = date(2026, 10, 20)
"""The day that is searched; what is usual was before."""

_MORNING_NS = int(datetime(DAY.year, DAY.month, DAY.day, 6, tzinfo=UTC).timestamp()) * 10**9
_DAY_NS = 24 * 3600 * 10**9
_KINDS = ("lognormal", "pareto", "steady")
_numbers = count(1)


@dataclass(frozen=True)
class Call:
    """A call of a tool. Without arguments or answer these are not recorded."""

    tool: str
    arguments: str = ""
    answer: str = ""
    error: str = ""


@dataclass(frozen=True)
class Run:
    """A run of an agent, so many days before the day and hours after six o'clock; its calls are a second each."""

    agent: str
    days_before: int = 0
    hour: float = 0
    calls: tuple[Call, ...] = ()
    seconds: float = 10
    cost: float | None = None
    error: str = ""
    client: str = ""
    trace: str = ""

    def rows(self) -> list[Row]:
        """Its spans."""
        trace = self.trace or new_trace()
        began = _MORNING_NS - self.days_before * _DAY_NS + int(self.hour * 3600e9)
        said = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": self.agent}
        said |= {"spanhouse.client_account.id": self.client} if self.client else {}
        run = f"{int(trace, 16):016x}"
        top = span(run, said, TraceId=trace, Timestamp=began, Duration=int(self.seconds * 1e9), **_status(self.error))
        below = [_call(call, number, run, trace, began) for number, call in enumerate(self.calls, 1)]
        return [top, *below, *([] if self.cost is None else [_model(self.cost, run, trace, began)])]


def new_trace() -> str:
    """A trace id that nobody has yet."""
    return f"{next(_numbers):032x}"


def rows(runs: Iterable[Run]) -> list[Row]:
    """The spans of runs."""
    return [row for run in runs for row in run.rows()]


def healthy(agent: str, chance: Random, days: Iterable[int], runs_a_day: int = 10) -> Iterator[Run]:
    """Runs of an agent that is well, so many on each of the days before the day.

    Agents differ: in how much their runs differ, in how often a tool fails, in whether they wait.
    """
    kind, flaky, waits = chance.choice(_KINDS), chance.choice([0.0, 0.02, 0.2]), chance.random() < 0.5
    records_answers = chance.random() < 0.5
    usual_s, usual_usd = chance.uniform(0.5, 60), chance.uniform(0.001, 0.5)
    for days_before in days:
        # Some days are busier, and some are harder.
        hardness = chance.lognormvariate(0, 0.15)
        for _ in range(int(runs_a_day * chance.uniform(0.6, 1.4))):
            calls = tuple(_calls(chance, flaky, waits=waits, records_answers=records_answers))
            failed = chance.random() < 0.03 + 0.1 * sum(bool(call.error) for call in calls) / 2
            effort = hardness * _effort(kind, chance)
            yield Run(
                agent,
                days_before,
                chance.uniform(0, 17),
                calls,
                seconds=usual_s * effort,
                cost=None if chance.random() < 0.05 else usual_usd * effort * chance.uniform(0.8, 1.2),
                error="boom" if failed else "",
            )


def _effort(kind: str, chance: Random) -> float:
    if kind == "pareto":
        return chance.paretovariate(1.5)
    return chance.lognormvariate(0, 1.0 if kind == "lognormal" else 0.1)


def _calls(chance: Random, flaky: float, *, waits: bool, records_answers: bool) -> Iterator[Call]:
    for number in range(chance.randint(0, 8)):
        tool = chance.choice(["search", "fetch", "edit", "test"])
        # The tests are run with the same arguments again and again, and something else is done in between.
        arguments = "{}" if tool == "test" else f'{{"n": {number}, "of": {chance.random()}}}'
        error = "flaked" if chance.random() < flaky else ""
        yield Call(tool, arguments, "" if error else f"{chance.random()}", error)
        if waits and chance.random() < 0.3:
            pending = min(int(chance.expovariate(1 / 8)), 60)
            answers = [*["pending"] * pending, "done"] if records_answers else [""] * (pending + 1)
            yield from (Call("job_status", '{"job": 7}', answer) for answer in answers)


def _call(call: Call, number: int, run: str, trace: str, began: int) -> Row:
    said = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": call.tool}
    said |= {"gen_ai.tool.call.arguments": call.arguments} if call.arguments else {}
    said |= {"gen_ai.tool.call.result": call.answer} if call.answer else {}
    return span(
        f"{number:08x}{run[8:]}", said, run, TraceId=trace, Timestamp=began + number * 10**9, **_status(call.error)
    )


def _model(cost: float, run: str, trace: str, began: int) -> Row:
    said = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "m", "spanhouse.cost_usd": f"{cost:.9f}"}
    return span(f"ffffffff{run[8:]}", said, run, TraceId=trace, Timestamp=began)


def _status(error: str) -> dict[str, str]:
    return {"StatusCode": "Error", "StatusMessage": error} if error else {}
