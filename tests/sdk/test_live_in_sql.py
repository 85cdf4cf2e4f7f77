"""How a run stands is in SQL while it runs, and that its process died is seen as well."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.process import Spanhouse, environment
from tests.support.waiting import until

pytestmark = pytest.mark.slow

_PROGRAM = """
import sys
import spanhouse
for line in sys.stdin:
    exec(line)
    print("arrived:", spanhouse.flush(), flush=True)
"""
_STEPS = {
    "created": 'run = spanhouse.execution.create("planner")',
    "queued": 'run.status("queued", "behind two others")',
    "running": 'block = spanhouse.agent("planner", execution=run); planner = block.__enter__()',
    "progress": 'planner.progress(0.5, tasks_completed=1, tasks_total=2, message="half")',
    "blocked": 'waiting = planner.blocked("human", "may I book it?"); waiting.__enter__()',
    "unblocked": "waiting.__exit__(None, None, None)",
    "paused": 'planner.status("paused")',
    "heartbeat": 'planner.status("running"); planner.heartbeat(expires_in_s=1)',
}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spanhouse]:
    """One Spanhouse for all tests here."""
    with Spanhouse.start(data_dir=tmp_path_factory.mktemp("live") / "data") as up:
        yield up


class Agent:
    """A process of an agent that does one step of a script at a time."""

    def __init__(self, up: Spanhouse, service: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment({}),
        )
        self.do(f"spanhouse.init({service!r}, endpoint={up.http!r}, instrument=False)")

    def do(self, step: str) -> None:
        """Do a step, and send what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(step + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "arrived: True\n"

    def kill(self) -> None:
        """End it as a crash does."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def test_each_step_is_seen_before_the_next_and_a_crash_shows_as_stalled(up: Spanhouse) -> None:
    agent = Agent(up, "live")
    columns = "StatusNow, StatusMessage, WaitingFor, Progress, TasksCompleted, TasksTotal"
    query = f"SELECT {columns} FROM spanhouse.agent_executions FINAL WHERE ServiceName = 'live'"
    unknown = "\\N\t\\N\t\\N"
    half = "0.5\t1\t2"
    seen = {
        "created": f"created\t\t\t{unknown}",
        "queued": f"queued\tbehind two others\t\t{unknown}",
        "running": f"running\t\t\t{unknown}",
        "progress": f"running\t\t\t{half}",
        "blocked": f"blocked\tmay I book it?\thuman\t{half}",
        "unblocked": f"running\t\t\t{half}",
        "paused": f"paused\t\t\t{half}",
        "heartbeat": f"running\t\t\t{half}",
    }
    try:
        for step, code in _STEPS.items():
            agent.do(code)
            if step != "heartbeat":
                until(partial(_is, up, query, seen[step]), 30)
    finally:
        agent.kill()
    until(partial(_is, up, query, f"stalled\t\t\t{half}"), 30)
    assert up.sql_text("SELECT count() FROM spanhouse.otel_traces WHERE ServiceName = 'live'") == "0"


def _is(up: Spanhouse, query: str, answer: str) -> bool:
    return up.sql_text(query) == answer
