"""`spanhouse prices`, alone and beside a running `spanhouse up`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result
from tests.cli.otlp import nudge
from tests.support.process import Spanhouse, run
from tests.support.waiting import until

Call = Callable[..., Result]


# chDB opens one directory a process, so what opens one runs in a process of its own.
@pytest.mark.slow
def test_a_price_is_set_listed_and_taken_back(tmp_path: Path) -> None:
    said = _prices(tmp_path, "set", "us", "ours", "--input", "2.5", "--output", "10", "--from", "2026-11-01")
    assert said == "ours of us costs tenant default that, from 2026-11-01 00:00:00 UTC on\n"
    (listed,) = json.loads(_prices(tmp_path, "list", "--json"))
    assert (listed["provider"], listed["model"], listed["source"]) == ("us", "ours", "user")
    assert (float(listed["input_usd_per_mtok"]), listed["cache_read_usd_per_mtok"]) == (2.5, None)
    assert float(listed["reasoning_usd_per_mtok"]) == 10
    heading, row = _prices(tmp_path, "list").splitlines()
    assert heading.split()[:4] == ["TENANT", "ID", "PROVIDER", "MODEL"]
    assert " 2.5 " in row
    assert _prices(tmp_path, "unset", "us", "ours") == "1 prices taken back\n"
    assert json.loads(_prices(tmp_path, "list", "--json")) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--input", "cheap"], "is not an amount in USD"),
        (["--input", "-1"], "is not between 0 and 100,000"),
        (["--input", "NaN"], "is not between 0 and 100,000"),
        (["--input", "1", "--from", "tomorrow"], "is not a date"),
        (["--input", "1", "--from", "1969-12-31"], "is not between 1970 and 2105"),
        ([], "name at least one price"),
    ],
)
def test_a_price_that_is_none_is_refused(call: Call, tmp_path: Path, arguments: list[str], complaint: str) -> None:
    refused = call("prices", "set", "us", "ours", *arguments, "--data-dir", tmp_path)
    assert refused.code == 2
    assert complaint in " ".join(refused.err.replace("│", " ").split())


@pytest.mark.slow
def test_a_price_that_is_set_while_everything_runs_prices_the_next_call(tmp_path: Path) -> None:
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        assert _settled_call(up, "1") == "unpriced"
        (unknown,) = json.loads(_prices(up.data_dir, "unpriced", "--json"))
        assert (unknown["provider"], unknown["model"], unknown["calls"], unknown["tokens"]) == ("us", "ours", 1, 1000)
        _prices(up.data_dir, "set", "us", "ours", "--input", "2")
        assert _settled_call(up, "2") == "computed\t0.002"
        assert json.loads(_prices(up.data_dir, "sync", "--json")) == {"models": 1, "changed": 0}


def _prices(data_dir: Path, *arguments: str) -> str:
    result = run("prices", *arguments, "--data-dir", str(data_dir))
    assert result.returncode == 0, result.stderr
    return result.stdout


def _settled_call(up: Spanhouse, trace_id: str) -> str:
    """What a call cost, as somebody else's INSERT tells of it."""
    said = "'gen_ai.operation.name','chat','gen_ai.provider.name','us','gen_ai.request.model','ours'"
    up.sql_text(
        "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanAttributes) "
        f"SELECT now64(9), '{trace_id}', '{trace_id}', map({said}, 'gen_ai.usage.input_tokens', '1000')"
    )
    nudge(up)
    question = f"SELECT cost_source, cost_usd FROM llm_calls WHERE trace_id = '{trace_id}' FORMAT TSV"
    until(lambda: up.sql_text(question))
    return up.sql_text(question).replace("\t\\N", "")
