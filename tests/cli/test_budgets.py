"""`spanhouse budgets`, alone and beside a running `spanhouse up`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result
from tests.cli.otlp import nudge
from tests.support.process import Spanhouse, run, started_before
from tests.support.waiting import until

Call = Callable[..., Result]


# chDB opens one directory a process, so what opens one runs in a process of its own.
@pytest.mark.slow
def test_a_limit_is_set_listed_and_taken_back(tmp_path: Path) -> None:
    data_dir = started_before(tmp_path / "data")
    assert _budgets(data_dir, "set", "2.50") == "tenant default: 2.5 USD a day\n"
    assert _budgets(data_dir, "set", "none", "--agent", "bot", "--per", "week") == (
        "tenant default, agent bot: no limit a week\n"
    )
    of_tenant, of_agent = json.loads(_budgets(data_dir, "list", "--json"))
    assert (of_tenant["limit_usd"], of_tenant["used_usd"], of_tenant["verdict"]) == ("2.5", "0", "allow")
    assert (of_agent["scope_id"], of_agent["period"], of_agent["limit_usd"]) == ("bot", "week", None)
    heading, row, _ = _budgets(data_dir, "list").splitlines()
    assert heading.split()[:3] == ["TENANT", "ID", "SCOPE"]
    assert " 2.5 " in row
    assert _budgets(data_dir, "clear") == "Removed the limit of tenant default for a day\n"
    assert json.loads(_budgets(data_dir, "list", "--json"))[0]["limit_usd"] == "5"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["plenty"], "is not an amount in USD; use 'none' for no limit"),
        (["--", "-1"], "is not between 0 and 1,000,000,000,000"),
        (["NaN"], "is not between 0 and 1,000,000,000,000"),
        (["1", "--per", "year"], "'year' is not one of"),
        (["1", "--agent", "a", "--user", "u"], "name only one of them"),
    ],
)
def test_a_limit_that_is_none_is_refused(call: Call, tmp_path: Path, arguments: list[str], complaint: str) -> None:
    refused = call("budgets", "set", "--data-dir", tmp_path, *arguments)
    assert refused.code == 2
    assert complaint in " ".join(refused.err.replace("│", " ").split())


@pytest.mark.slow
def test_a_limit_that_is_set_while_everything_runs_holds_at_once(tmp_path: Path) -> None:
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        up.sql_text(
            "INSERT INTO spanhouse.otel_traces (Timestamp, TraceId, SpanId, SpanAttributes) SELECT now64(9), 't', 's', "
            "map('gen_ai.operation.name', 'chat', 'gen_ai.usage.cost', '0.75', 'user.id', 'ada')"
        )
        nudge(up)
        until(lambda: up.sql_text("SELECT used_usd FROM spanhouse.agent_budget") == "0.75")
        _budgets(up.data_dir, "set", "0.75", "--user", "ada")
        listed = {row["scope"]: row for row in json.loads(_budgets(up.data_dir, "list", "--json"))}
        assert (listed["user"]["verdict"], listed["tenant"]["verdict"]) == ("stop", "allow")
        reached = "SELECT over_100_at > now() - 60 FROM spanhouse.agent_budget_daily WHERE scope = 'user'"
        assert up.sql_text(reached) == "1"


def _budgets(data_dir: Path, *arguments: str) -> str:
    done = run("budgets", *arguments, "--data-dir", str(data_dir))
    assert done.returncode == 0, done.stderr
    return done.stdout
