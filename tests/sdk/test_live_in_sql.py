"""How a run stands is in SQL while it runs, and that its process died is seen as well."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.sdk.receiving import running
from tests.support.process import Spanhouse
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spanhouse]:
    """One Spanhouse for all tests here."""
    with Spanhouse.start(data_dir=tmp_path_factory.mktemp("live") / "data") as up:
        yield up


def test_each_step_is_seen_before_the_next_and_a_crash_shows_as_stalled(up: Spanhouse) -> None:
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
    with running("live_run", "live", up.http) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for step, row in seen.items():
            print(step, file=program.stdin, flush=True)
            assert program.stdout.readline() == f"{step}\n"
            if step != "heartbeat":
                until(partial(_is, up, query, row), 30)
    until(partial(_is, up, query, f"stalled\t\t\t{half}"), 30)
    assert up.sql_text("SELECT count() FROM spanhouse.otel_traces WHERE ServiceName = 'live'") == "0"


def _is(up: Spanhouse, query: str, answer: str) -> bool:
    return up.sql_text(query) == answer
