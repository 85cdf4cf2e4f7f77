"""Trees of every shape come to what the oracle derives: malicious, skewed, doubled, deep, wide and long ones."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.reference import Row
from tests.support.corpus_spans import span
from tests.support.expected_executions import assert_all_settled, assert_settled, stored_executions
from tests.support.hostile_traces import tree
from tests.support.insert_rows import insert

AGENT, CHAT, TOOL = ({"gen_ai.operation.name": name} for name in ("invoke_agent", "chat", "execute_tool"))
USAGE = {"gen_ai.usage.input_tokens": "10", "gen_ai.usage.output_tokens": "2"}
START_NS = 1_790_000_000_000_000_000


def test_two_hundred_trees_of_any_shape(database: Database, tmp_path: Path) -> None:
    _assert_trees(database, tmp_path, range(200))


@pytest.mark.slow
# Not shrunk: that is a settling a step. The tenant that differs is the seed of its tree.
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(first=st.integers(200, 2**40))
def test_trees_of_any_shape(database: Database, tmp_path: Path, first: int) -> None:
    _assert_trees(database, tmp_path, range(first, first + 300))


@pytest.mark.slow
def test_a_trace_of_fifty_thousand_spans(database: Database, tmp_path: Path) -> None:
    """Agents in a loop, each with calls of its own, and what counts nothing between them."""
    rows = [span("root", AGENT | {"gen_ai.agent.name": "root"})]
    for number in range(10_000):
        rows += [
            span(f"a{number}", AGENT | {"gen_ai.agent.name": f"n{number % 9}"}, "root", Timestamp=START_NS + number),
            span(f"o{number}", {}, f"a{number}"),
            span(f"c{number}", CHAT | USAGE, f"o{number}"),
            span(f"t{number}", TOOL, f"o{number}"),
            span(f"h{number}", {}, f"c{number}"),
        ]
    executions = _settled(database, tmp_path, "fifty-thousand", rows)
    assert executions["root"]["TotalModelCalls"] == 10_000
    assert executions["root"]["TotalInputTokens"] == 100_000


@pytest.mark.slow
def test_a_chain_of_twenty_thousand_spans(database: Database, tmp_path: Path) -> None:
    between = [span(f"{number}", {}, f"{number - 1}") for number in range(1, 20_000)]
    executions = _settled(
        database, tmp_path, "long-chain", [span("0", AGENT), *between, span("end", CHAT | USAGE, "19999")]
    )
    assert executions["0"]["ModelCalls"] == 1


@pytest.mark.slow
def test_totals_reach_128_levels_down(database: Database, tmp_path: Path) -> None:
    names = [f"{number:03}" for number in range(140)]
    agents = [span(n, AGENT | {"gen_ai.agent.name": n}, up) for n, up in zip(names, ["", *names], strict=False)]
    calls = [span(f"c{name}", CHAT | USAGE, name) for name in names]
    executions = _settled(database, tmp_path, "nested", agents + calls)
    assert [executions[name]["TotalModelCalls"] for name in ("000", "011", "012", "013", "139")] == [
        128,
        128,
        128,
        127,
        1,
    ]
    assert {row["RootExecutionId"] for row in executions.values()} == {"000"}


def _assert_trees(database: Database, directory: Path, seeds: range) -> None:
    trees = {f"tree-{seed}": tree(random.Random(seed)) for seed in seeds}
    insert(database, trees, directory)
    settle(database, 3600)
    assert_all_settled(database, trees)


def _settled(database: Database, directory: Path, tenant: str, rows: list[Row]) -> dict[str, dict[str, object]]:
    """The executions by id, as both say them."""
    insert(database, {tenant: rows}, directory)
    settle(database, 3600)
    assert_settled(database, tenant, rows)
    return {execution_id: row for (_, execution_id), row in stored_executions(database, tenant).items()}
