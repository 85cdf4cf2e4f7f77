"""`spanhouse prices`, alone and beside a running `spanhouse up`."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result
from tests.process import Spanhouse, run

Call = Callable[..., Result]


def test_a_price_is_set_listed_and_taken_back(call: Call, tmp_path: Path) -> None:
    said = call(
        *("prices", "set", "us", "ours", "--input", "2.5", "--output", "10", "--from", "2026-11-01"),
        *("--data-dir", tmp_path),
    )
    assert said.out == "ours of us costs tenant default that, from 2026-11-01 00:00:00 UTC on\n"
    (listed,) = _json(call, tmp_path, "list")
    assert (listed["provider"], listed["model"], listed["source"]) == ("us", "ours", "user")
    assert (float(listed["input_usd_per_mtok"]), listed["cache_read_usd_per_mtok"]) == (2.5, None)
    assert float(listed["reasoning_usd_per_mtok"]) == 10
    assert call("prices", "unset", "us", "ours", "--data-dir", tmp_path).out == "1 prices taken back\n"
    assert _json(call, tmp_path, "list") == []


def test_the_list_is_readable_without_json(call: Call, tmp_path: Path) -> None:
    call("prices", "set", "us", "ours", "--input", "0.25", "--data-dir", tmp_path)
    heading, row = call("prices", "list", "--data-dir", tmp_path).out.splitlines()
    assert heading.split()[:4] == ["TENANT", "ID", "PROVIDER", "MODEL"]
    assert " 0.25 " in row


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--input", "cheap"], "is no number of USD"),
        (["--input", "-1"], "is not between 0 and 100,000"),
        (["--input", "NaN"], "is not between 0 and 100,000"),
        (["--input", "1", "--from", "tomorrow"], "is no date"),
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
        up.sql_text(_call("1"))
        assert _eventually(up, "unpriced", "1")
        (unknown,) = json.loads(_prices(up, "unpriced", "--json"))
        assert (unknown["provider"], unknown["model"], unknown["calls"], unknown["tokens"]) == ("us", "ours", 1, 1000)
        _prices(up, "set", "us", "ours", "--input", "2")
        up.sql_text(_call("2"))
        assert _eventually(up, "computed\t0.002", "2")
        assert json.loads(_prices(up, "sync", "--json")) == {"models": 1, "changed": 0}


def _prices(up: Spanhouse, *arguments: str) -> str:
    result = run("prices", *arguments, "--data-dir", str(up.data_dir))
    assert result.returncode == 0, result.stderr
    return result.stdout


def _eventually(up: Spanhouse, expected: str, trace_id: str) -> bool:
    """Whether the call is settled and priced so, within two looks of the settler."""
    question = f"SELECT cost_source, cost_usd FROM llm_calls WHERE trace_id = '{trace_id}' FORMAT TSV"
    deadline = time.monotonic() + 25
    while (found := up.sql_text(question)) == "" and time.monotonic() < deadline:
        time.sleep(0.2)
    return found.replace("\t\\N", "") == expected


def _call(trace_id: str) -> str:
    said = "'gen_ai.operation.name','chat','gen_ai.provider.name','us','gen_ai.request.model','ours'"
    return (
        "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanAttributes) "
        f"SELECT now64(9), '{trace_id}', '{trace_id}', map({said}, 'gen_ai.usage.input_tokens', '1000')"
    )


def _json(call: Call, data_dir: Path, *arguments: str) -> Any:
    result = call("prices", *arguments, "--json", "--data-dir", data_dir)
    assert result.code == 0, result.err
    return json.loads(result.out)
