"""The examples, each as a program of its own against a running `spanhouse up`: what SQL says is what the model counted.

OpenAI's client is instrumented in all of them, so that each call of a framework's model is seen twice. They import
their frameworks before they call init(): so most of them may be forks of a process that has all frameworks loaded.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from fake_model import FakeModel
from spanhouse_schema import Settings
from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from tests.sdk.budget_api import answer, budget, serving
from tests.support import forks
from tests.support.process import Spanhouse, environment
from tests.support.waiting import until

pytestmark = pytest.mark.slow

# The frameworks take seconds to be imported, many when the machine is busy.
PATIENCE_S = 90.0
EXAMPLES = Path(__file__).parents[2] / "examples"


class Run(NamedTuple):
    """An execution as an example makes it: `turns` are those of its model calls, each with known tokens."""

    agent: str
    below: str = ""
    kind: str = "agent"
    turns: tuple[int, ...] = ()
    tools: int = 0


# The turns count from the first thing that was said, so the editor goes on where the researcher stopped.
RUNS = {
    "openai_client": [
        Run("ChatCompletion", kind="implicit", turns=(1,)),
        Run("ChatCompletion", kind="implicit", turns=(1,)),
        Run("Response", kind="implicit", turns=(1,)),
    ],
    "pydantic_ai_agent": [
        Run("librarian", below="researcher", turns=(1, 2), tools=1),
        Run("researcher", turns=(1, 2), tools=1),
    ],
    "langgraph_agent": [Run("researcher", turns=(1, 2, 3), tools=2)],
    "openai_agents": [
        Run("Agent workflow", kind="workflow"),
        Run("editor", below="Agent workflow", turns=(3,)),
        Run("researcher", below="Agent workflow", turns=(1, 2), tools=1),
    ],
    "smolagents_agent": [Run("researcher", turns=(1, 2), tools=2)],
    "by_hand": [Run("researcher", turns=(1,), tools=1), Run("researcher", turns=(1,), tools=1)],
}
FRAMEWORKS = ["pydantic_ai_agent", "langgraph_agent", "openai_agents", "smolagents_agent"]

# These are started as a user starts them: one that is instrumented, and those that start other processes.
STARTED = {"openai_client", "threads_and_processes", "work_queue"}
# What does not import a framework in any of its processes instruments none.
UNINSTRUMENTED = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}

# The instrumentor of smolagents leaves the span of a run open that an exception ends: it is stalled, a minute later.
ENDING = [example for example in FRAMEWORKS if example != "smolagents_agent"]


class Seen(NamedTuple):
    """A row of `agent_executions`."""

    agent: str
    below: str
    kind: str
    status: str
    model_calls: int
    tool_calls: int
    input: int
    cached: int
    output: int
    reasoning: int


@dataclass(frozen=True)
class Tenant:
    """A tenant of a test's own in a running `spanhouse up`, and how its programs are run."""

    up: Spanhouse
    name: str
    key: str

    @contextmanager
    def running(self, example: str, model: FakeModel, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """An example that runs; it is killed when the block is left."""
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.up.http,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={quote(f'Bearer {self.key}')}",
            "OPENAI_BASE_URL": model.url,
            **variables,
        }
        process = subprocess.Popen(
            [sys.executable if example in STARTED else forks.client("programs"), str(EXAMPLES / f"{example}.py")],
            env=environment(told),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, example: str, model: FakeModel, **variables: str) -> str:
        """What an example prints, which has to come to its end."""
        with self.running(example, model, **variables) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        return out

    def ask(self, sql: str) -> list[Any]:
        """Rows of a query with `{mine}` in its WHERE, each a list."""
        mine = sql.replace("{mine}", f"TenantId = '{self.name}'").replace("{my}", f"tenant_id = '{self.name}'")
        answer = self.up.sql_text(
            f"{mine} FORMAT JSONCompactEachRow SETTINGS output_format_json_quote_64bit_integers=0"
        )
        return [json.loads(line) for line in answer.splitlines()]

    @property
    def executions(self) -> list[Seen]:
        """All of its executions, by agent's name."""
        rows = self.ask(
            """SELECT AgentName, parent.AgentName, Kind, StatusNow, ModelCalls, ToolCalls, InputTokens, CacheReadTokens,
                OutputTokens, ReasoningTokens
            FROM (SELECT *, StatusNow FROM agent_executions FINAL WHERE {mine}) AS run
            LEFT JOIN (SELECT ExecutionId, AgentName FROM agent_executions FINAL WHERE {mine}) AS parent
                ON parent.ExecutionId = run.ParentExecutionId
            ORDER BY AgentName, StartedAt"""
        )
        return [Seen(*row) for row in rows]

    def becomes(self, expected: list[Seen]) -> None:
        """Wait until its executions are these; fail with those that it has."""
        with suppress(AssertionError):
            until(lambda: self.executions == expected, PATIENCE_S)
        assert self.executions == expected

    def statuses(self) -> dict[str, str]:
        """How each of its agents stands."""
        return {seen.agent: seen.status for seen in self.executions}


class Ran(NamedTuple):
    """An example that has come to its end, its model, and what was stored before the model answered."""

    example: str
    tenant: Tenant
    model: FakeModel
    meanwhile: list[Seen]
    roots_meanwhile: int


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Generator[Spanhouse]:
    """One `spanhouse up` for all of them; what it derived has to stand at the end."""
    with Spanhouse.start("up", data_dir=tmp_path_factory.mktemp("examples") / "data") as up:
        yield up
        up.assert_audited()


def tenant_of(up: Spanhouse, name: str) -> Tenant:
    """A tenant that nobody else sends for."""
    name = "".join(letter if letter.isalnum() else "-" for letter in name)[:100].strip("-")
    control = ControlDatabase.open(Settings.load(data_dir=up.data_dir))
    key = KeyStore(control).create(name, Scope.WRITE).key
    control.close()
    # A program that is refused because its key is not known yet sends nothing again.
    headers = {"Authorization": f"Bearer {key}"}
    until(lambda: httpx.post(f"{up.http}/v1/traces", json={}, headers=headers).status_code == 200)
    return Tenant(up, name, key)


@pytest.fixture
def tenant(up: Spanhouse, request: pytest.FixtureRequest) -> Tenant:
    """A tenant of the test's own."""
    return tenant_of(up, request.node.name)


@pytest.fixture
def model() -> Generator[FakeModel]:
    """A model of the test's own, which counts what it answers."""
    with FakeModel() as model:
        yield model


def seen(run: Run, status: str = "completed") -> Seen:
    """What is to be stored of a run."""
    turns = run.turns
    return Seen(
        run.agent,
        run.below,
        run.kind,
        status,
        len(turns),
        run.tools,
        *(
            (
                sum(100 * turn - (64 if turn > 1 else 0) for turn in turns),
                sum(64 for turn in turns if turn > 1),
                sum(22 + turn for turn in turns),
                8 * len(turns),
            )
            if turns
            else (None, None, None, None)
        ),
    )


@pytest.fixture(scope="module", params=RUNS)
def ran(up: Spanhouse, request: pytest.FixtureRequest) -> Generator[Ran]:
    """An example that was run; its model held back its first answer until the run was seen, or had time to be."""
    example = request.param
    tenant = tenant_of(up, example)
    with FakeModel() as model:
        model.answering.clear()
        with tenant.running(example, model) as process:
            assert model.asked.wait(PATIENCE_S)
            with suppress(AssertionError):
                until(lambda: tenant.executions, timeout_s=PATIENCE_S if example != "openai_client" else 0)
            meanwhile = tenant.executions
            roots = tenant.ask("SELECT count() FROM otel_traces WHERE {mine} AND ParentSpanId = ''")
            model.answering.set()
            _, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        tenant.becomes([seen(run) for run in RUNS[example]])
        yield Ran(example, tenant, model, meanwhile, roots[0][0])


def test_every_run_and_call_and_token_counts_once(ran: Ran) -> None:
    calls = [
        (each.input_tokens, each.cached_tokens, each.output_tokens, each.reasoning_tokens) for each in ran.model.calls
    ]
    stored = ran.tenant.ask(
        """SELECT input_tokens + cache_read_tokens, cache_read_tokens,
            output_tokens + reasoning_tokens, reasoning_tokens
        FROM llm_calls WHERE {my}"""
    )
    assert sorted(tuple(row) for row in stored) == sorted(calls)


def test_a_run_is_seen_running_before_its_model_has_answered(ran: Ran) -> None:
    assert ran.roots_meanwhile == 0
    # A client's call is no run of an agent: it is known when it has ended.
    expected = set() if ran.example == "openai_client" else {("researcher", "running")}
    assert {(each.agent, each.status) for each in ran.meanwhile} - {("Agent workflow", "running")} == expected


def test_every_span_says_whose_work_it_is(ran: Ran) -> None:
    if ran.example not in FRAMEWORKS:
        pytest.skip("it has more than one session, or none")
    assert ran.tenant.ask(
        """SELECT DISTINCT SpanAttributes['session.id'], SpanAttributes['gen_ai.conversation.id'],
            SpanAttributes['user.id']
        FROM otel_traces WHERE {mine}"""
    ) == [["reading-club", "reading-club", "u7"]]
    unattributed = ran.tenant.ask(
        """SELECT SpanName FROM otel_traces WHERE {mine} AND SpanAttributes['spanhouse.execution.id'] NOT IN
            (SELECT ExecutionId FROM agent_executions FINAL WHERE {mine})"""
    )
    assert unattributed == []
    # What a span carries is the execution that the store finds for it, from the tree of spans alone.
    calls = ran.tenant.ask(
        """SELECT SpanName, SpanAttributes['spanhouse.execution.id'], call.execution_id
        FROM (SELECT span_id, execution_id FROM llm_calls WHERE {my}
            UNION ALL SELECT span_id, execution_id FROM agent_actions WHERE {my}) AS call
        INNER JOIN (SELECT * FROM otel_traces WHERE {mine}) AS span ON span.SpanId = call.span_id"""
    )
    assert len(calls) == sum(len(run.turns) + run.tools for run in RUNS[ran.example])
    assert [call for call in calls if call[1] != call[2]] == []


@pytest.mark.parametrize("example", ENDING)
def test_a_run_whose_model_refuses_has_failed(tenant: Tenant, model: FakeModel, example: str) -> None:
    model.failing = True
    with tenant.running(example, model) as process:
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    until(lambda: tenant.statuses().get("researcher") == "failed", PATIENCE_S)
    assert tenant.ask("SELECT DISTINCT StatusNow FROM agent_executions FINAL WHERE {mine}") == [["failed"]]
    assert tenant.ask("SELECT sum(FailedModelCalls) = sum(ModelCalls) FROM agent_executions FINAL WHERE {mine}") == [
        [1]
    ]


@pytest.mark.parametrize("example", ENDING)
def test_a_run_that_is_interrupted_is_cancelled(tenant: Tenant, model: FakeModel, example: str) -> None:
    model.answering.clear()
    with tenant.running(example, model) as process:
        until(lambda: tenant.statuses().get("researcher") == "running", PATIENCE_S)
        assert model.asked.wait(PATIENCE_S)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    until(lambda: set(tenant.statuses().values()) == {"cancelled"}, PATIENCE_S)


def test_a_stream_lasts_until_its_reader_stops(tenant: Tenant, model: FakeModel) -> None:
    tenant.run("streaming", model)
    runs = "SELECT StatusNow, ModelCalls, OutputTokens FROM agent_executions FINAL WHERE {mine} ORDER BY StartedAt"
    # Nobody waited for the usage of the second answer: it is unknown.
    until(lambda: tenant.ask(runs) == [["completed", 1, 31], ["cancelled", 1, None]])
    first_chunks = tenant.ask(
        """SELECT toFloat64OrNull(SpanAttributes['gen_ai.response.time_to_first_chunk']) * 1e9 BETWEEN 1 AND Duration
        FROM otel_traces WHERE {mine} AND SpanAttributes['gen_ai.operation.name'] = 'chat'"""
    )
    assert first_chunks == [[1], [1]]


def test_a_cycle_is_a_session_with_its_phases_and_numbers(tenant: Tenant, model: FakeModel) -> None:
    assert tenant.run("sessions", model) == "done\n"
    until(lambda: tenant.ask("SELECT outcome FROM agent_sessions WHERE {my}") == [["success"]])
    assert tenant.ask("SELECT id, strategy_name, client_account_id FROM agent_sessions WHERE {my}") == [
        ["cycle-42", "breakout", "acme"]
    ]
    assert tenant.ask("SELECT backtest_sharpe, trades FROM agent_metrics WHERE {my}") == [[1.4, 31]]
    assert tenant.ask("SELECT reason, agent_invoked FROM agent_triggers WHERE {my}") == [["start_new_cycle", True]]
    until(lambda: tenant.statuses() == {"designer": "completed"})


def test_a_cycle_without_budget_runs_nothing(tenant: Tenant, model: FakeModel) -> None:
    with serving() as api:
        api.body = answer("stop", budget("stop", used="5.25", limit="5.00", remaining="-0.25"))
        assert tenant.run("sessions", model, SPANHOUSE_API_URL=api.url) == "budget_exceeded\n"
    columns = "agent_invoked, skip_reason, budget_used_usd, budget_remaining_usd"
    query = f"SELECT {columns} FROM agent_triggers WHERE {{my}}"
    until(lambda: tenant.ask(query) == [[False, "budget_exceeded", 5.25, -0.25]])
    assert tenant.executions == []


def test_threads_and_processes_work_for_the_agent_that_sent_them(tenant: Tenant, model: FakeModel) -> None:
    assert tenant.run("threads_and_processes", model, **UNINSTRUMENTED) == "70\n"
    runs = "SELECT StatusNow, ToolCalls FROM agent_executions FINAL WHERE {mine}"
    until(lambda: tenant.ask(runs) == [["completed", 4]])
    assert tenant.ask(
        """SELECT count(), uniqExact(SpanAttributes['spanhouse.execution.id']), uniqExact(SpanAttributes['session.id'])
        FROM otel_traces WHERE {mine}"""
    ) == [[5, 1, 1]]


def test_a_run_that_was_queued_is_run_by_another_process(tenant: Tenant, model: FakeModel) -> None:
    execution_id = tenant.run("work_queue", model, **UNINSTRUMENTED).strip()
    query = "SELECT ExecutionId, StatusNow, SessionId FROM agent_executions FINAL WHERE {mine}"
    until(lambda: tenant.ask(query) == [[execution_id, "completed", "reading-club"]])
    assert tenant.ask(
        "SELECT Status, ServiceName FROM execution_events WHERE {mine} AND Status != '' ORDER BY Timestamp"
    ) == [["created", "front-desk"], ["queued", "front-desk"], ["running", "worker"], ["completed", "worker"]]


def test_each_example_is_listed_and_tested() -> None:
    examples = {path.stem for path in EXAMPLES.glob("*.py")} - {"fake_model"}
    listed = set(re.findall(r"^\| \[`(\w+)\.py`\]", (EXAMPLES / "README.md").read_text(), re.MULTILINE))
    run = set(RUNS) | set(re.findall(r'tenant\.run\("(\w+)"', Path(__file__).read_text()))
    assert listed == run == examples
