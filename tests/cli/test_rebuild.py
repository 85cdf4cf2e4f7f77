"""`spanhouse rebuild` and `spanhouse audit`, alone and beside a running `spanhouse up`."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result
from tests.cli.otlp import nudge
from tests.support.process import SPANHOUSE, Spanhouse, environment, run
from tests.support.waiting import until

_TRACE = "0af7651916cd43dd8448eb211c80319c"
_CALL = """
    INSERT INTO spanhouse.otel_traces (Timestamp, TraceId, SpanId, SpanAttributes)
    SELECT toDateTime64('2026-11-20 10:00:00', 9, 'UTC'), {trace}, hex(number), map('gen_ai.operation.name', 'chat',
        'gen_ai.provider.name', 'us', 'gen_ai.request.model', 'ours', 'gen_ai.usage.input_tokens', '1000')
    FROM numbers({spans})
"""
_TAMPER = """
    INSERT INTO spanhouse.agent_executions
    SELECT * REPLACE (7 AS ToolCalls, Version + 1 AS Version) FROM spanhouse.agent_executions FINAL LIMIT 1
"""


@pytest.mark.parametrize("arguments", [[], ["--all", "--day", "2026-11-20"], ["--day", "yesterday"]])
def test_what_is_to_be_rebuilt_has_to_be_said(
    call: Callable[..., Result], tmp_path: Path, arguments: list[str]
) -> None:
    refused = call("rebuild", *arguments, "--data-dir", tmp_path)
    assert refused.code == 2


@pytest.mark.slow
def test_a_price_that_is_set_while_everything_runs_is_carried_to_what_was_settled_before(
    tmp_path: Path, call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A second look is enough for what is settled long since.
    monkeypatch.setattr("spanhouse_server.commands.audit.PATIENCE_S", 4.0)
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        up.sql_text(_call(f"'{_TRACE}'"))
        nudge(up)
        until(lambda: up.sql_text("SELECT cost_source FROM llm_calls") == "unpriced", timeout_s=30)
        _run(up.data_dir, "prices", "set", "us", "ours", "--input", "2")
        differs = call("audit", "--data-dir", up.data_dir, "--json")
        assert differs.code == 1
        assert _different(json.loads(differs.out))["agent_calls"] == 1
        said = _run(up.data_dir, "rebuild", "--all")
        assert "1 executions are others than before" in said
        assert "they cost 0.002 USD, and cost 0 before: +0.002" in said
        assert "calls that got a price: 1" in said
        assert json.loads(_run(up.data_dir, "audit", "--json"))["clean"]
        assert up.sql_text("SELECT cost_source, toFloat64(cost_usd) FROM llm_calls") == "computed\t0.002"


@pytest.mark.slow
def test_a_row_that_was_tampered_with_is_named_with_what_to_do(tmp_path: Path) -> None:
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        up.sql_text(_call(f"'{_TRACE}'"))
        nudge(up)
        # They are written last.
        until(lambda: up.sql_text("SELECT count() FROM agent_executions") == "1", timeout_s=30)
        up.sql_text(_TAMPER)
    audited = run("audit", "--data-dir", str(tmp_path / "data"), timeout_s=200)
    assert audited.returncode == 1
    assert "ToolCalls is '7', recomputed '0'" in audited.stdout
    assert f"`spanhouse rebuild --trace {_TRACE}`" in audited.stdout
    assert "1 of agent_executions" in audited.stderr
    _run(tmp_path / "data", "rebuild", "--trace", _TRACE)
    clean = _run(tmp_path / "data", "audit")
    assert clean.splitlines()[0].split() == ["TABLE", "ROWS", "DIFFERENT"]


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_rebuild_that_was_killed_goes_on_while_spans_come(tmp_path: Path) -> None:
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        # Three stretches of traces.
        up.sql_text(_call("hex(sipHash128(number))", 250_000))
        until(lambda: up.sql_text("SELECT count() FROM llm_calls") == "250000", timeout_s=200)
        _run(up.data_dir, "prices", "set", "us", "ours", "--input", "2")
        rebuild = [*SPANHOUSE, "rebuild", "--all", "--data-dir", str(up.data_dir)]
        killed = subprocess.Popen(rebuild, env=environment())
        until(lambda: int(up.sql_text("SELECT count() FROM rebuild_progress")) > 0, timeout_s=200)
        killed.kill()
        killed.wait()
        up.sql_text(_call("concat('late-', hex(number))", 500))
        outcome = json.loads(_run(up.data_dir, "rebuild", "--all", "--json"))
        assert outcome["resumed"]
        assert json.loads(_run(up.data_dir, "audit", "--json"))["clean"]
        assert up.sql_text("SELECT count(), countIf(cost_source = 'computed') FROM llm_calls") == "250500\t250500"


def _call(trace: str, spans: int = 1) -> str:
    return _CALL.format(trace=trace, spans=spans)


def _run(data_dir: Path, *arguments: str) -> str:
    result = run(*arguments, "--data-dir", str(data_dir), timeout_s=300)
    assert result.returncode == 0, result.stderr + result.stdout
    return result.stdout


def _different(report: dict[str, Any]) -> dict[str, int]:
    return {table["table"]: table["different"] for table in report["tables"] if table["different"]}
