"""`model_usage_daily`: what was used of each model, which is what agents used, taken apart."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spanhouse_schema import Database
from spanhouse_schema.derive.settling import settle
from tests.oracle import derive, normalise
from tests.oracle.costs import added, cost_of_call, cost_of_execution
from tests.oracle.usage import BUCKETS
from tests.reference import Row
from tests.support.corpus_spans import recorded, span
from tests.support.insert_rows import insert

_COLUMNS = (
    *("llm_calls", "failed_llm_calls", "embedding_calls", "input_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("output_tokens", "reasoning_tokens", "embedding_tokens", "cost_usd", "unpriced_calls"),
)
_AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "bot"}
_CALL = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": "1000"}
_MIDNIGHT_NS = 1_790_035_200_000_000_000


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant of the test's own."""
    return f"models {request.node.name}"


def _used(database: Database, tenant: str, keys: str = "model") -> dict[Any, dict[str, Any]]:
    """What a tenant used by these columns, without the figures that are 0 or NULL."""
    rows = database.rows(
        f"SELECT ({keys}), {', '.join(f'sum({name})' for name in _COLUMNS)} FROM spanhouse.model_usage_daily "
        f"WHERE tenant_id = %(tenant)s GROUP BY {keys}",
        parameters={"tenant": tenant},
    )
    return {row[0]: {name: value for name, value in zip(_COLUMNS, row[1:], strict=True) if value} for row in rows}


def _settled(database: Database, tenant: str, directory: Path, *rows: Row) -> dict[Any, dict[str, Any]]:
    insert(database, {tenant: rows}, directory)
    settle(database, 120)
    return _used(database, tenant)


@pytest.mark.parametrize("name", recorded())
def test_each_model_has_what_the_oracle_counts(database: Database, corpus: Mapping[str, list[Row]], name: str) -> None:
    executions = derive(each for row in corpus[name] if (each := normalise(row))).executions.values()
    wanted: dict[str, dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    for call in (call for each in executions for call in each.calls if call.top.kind in {"model", "embedding"}):
        row = wanted[call.says("ResponseModel") or call.says("RequestModel")]
        is_model = call.top.kind == "model"
        row["llm_calls" if is_model else "embedding_calls"] += 1
        row["failed_llm_calls"] += is_model and call.failed
        row["cost_usd"] += cost_of_call(call).usd or Decimal()
    found = _used(database, name)
    for model, row in wanted.items():
        for figure, value in row.items():
            assert found[model].get(figure, 0) == value, (model, figure)


@pytest.mark.parametrize("name", recorded())
def test_the_models_of_a_recording_sum_to_what_its_executions_used(
    database: Database, corpus: Mapping[str, list[Row]], name: str
) -> None:
    executions = list(derive(each for row in corpus[name] if (each := normalise(row))).executions.values())
    found = _used(database, name)
    for bucket, column in zip(BUCKETS, _COLUMNS[3:8], strict=True):
        wanted = sum(each.own_usage.get(bucket, 0) for each in executions)
        assert sum(row.get(column, 0) for row in found.values()) == wanted, bucket
    cost = added(map(cost_of_execution, executions)).usd or Decimal()
    assert sum(row.get("cost_usd", Decimal()) for row in found.values()) == cost


def test_a_run_of_two_models_is_two_rows_and_one_task(database: Database, tenant: str, tmp_path: Path) -> None:
    found = _settled(
        database,
        tenant,
        tmp_path,
        span("a", _AGENT),
        span("b", _CALL | {"gen_ai.request.model": "gpt-4o"}, "a"),
        span("c", _CALL | {"gen_ai.request.model": "gpt-4o-mini"}, "a"),
    )
    assert found == {
        "gpt-4o": {"llm_calls": 1, "input_tokens": 1000, "cost_usd": Decimal("0.0025")},
        "gpt-4o-mini": {"llm_calls": 1, "input_tokens": 1000, "cost_usd": Decimal("0.00015")},
    }
    tasks = database.rows(
        "SELECT tasks_attempted, total_llm_calls, cost_usd FROM spanhouse.agent_performance_daily "
        "WHERE tenant_id = %(tenant)s",
        parameters={"tenant": tenant},
    )
    assert tasks == [(1, 2, Decimal("0.00265"))]


def test_what_only_the_runs_own_span_reports_is_counted_without_calls(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    said = {"gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": "1000"}
    found = _settled(database, tenant, tmp_path, span("a", _AGENT | said))
    assert found == {"gpt-4o": {"input_tokens": 1000, "cost_usd": Decimal("0.0025")}}


def test_a_model_that_nobody_knows_is_listed_with_its_tokens_and_no_cost(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    found = _settled(database, tenant, tmp_path, span("b", _CALL | {"gen_ai.request.model": "nobodys"}))
    assert found == {"nobodys": {"llm_calls": 1, "input_tokens": 1000, "unpriced_calls": 1}}


def test_a_call_after_midnight_belongs_to_the_day_on_which_its_run_began(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    call = _CALL | {"gen_ai.request.model": "gpt-4o"}
    rows = [span("a", _AGENT, Timestamp=_MIDNIGHT_NS - 1), span("b", call, "a", Timestamp=_MIDNIGHT_NS + 1)]
    insert(database, {tenant: rows}, tmp_path)
    settle(database)
    assert list(_used(database, tenant, "date")) == [date(2026, 9, 21)]


def test_a_model_that_is_told_otherwise_later_leaves_nothing_behind(
    database: Database, tenant: str, tmp_path: Path
) -> None:
    call = _CALL | {"gen_ai.request.model": "gpt-4o"}
    assert list(_settled(database, tenant, tmp_path, span("b", call))) == ["gpt-4o"]
    # The same span again, which ended later: it was another model.
    again = span("b", call | {"gen_ai.response.model": "gpt-4o-mini"}, Duration=2_000_000)
    assert list(_settled(database, tenant, tmp_path, again)) == ["gpt-4o-mini"]
    assert list(_settled(database, tenant, tmp_path, span("b", call))) == ["gpt-4o-mini"]
