"""The rules come to what the oracle derives, of every recording and of trees of any shape; no database is asked."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.derive.columns import columns_of, derived, derived_of, repeated
from tests.oracle import NormalSpan, normalise
from tests.oracle.usage import Report
from tests.reference import Row
from tests.support.corpus_spans import LONG, rebuilt, recorded, span
from tests.support.expected_executions import assert_equal, expected
from tests.support.hostile_traces import tree

AGENT, CHAT, TOOL = ({"gen_ai.operation.name": name} for name in ("invoke_agent", "chat", "execute_tool"))
USAGE = {"gen_ai.usage.input_tokens": "10", "gen_ai.usage.output_tokens": "2"}
MANY = 100_000


def test_recordings_come_to_what_the_oracle_derives() -> None:
    _assert_derived({name: rows for name, rows in recorded().items() if name not in LONG})


def test_rebuilt_inputs_come_to_what_the_oracle_derives() -> None:
    _assert_derived(rebuilt())


@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(first=st.integers(0, 2**40))
def test_trees_of_any_shape_come_to_what_the_oracle_derives(first: int) -> None:
    _assert_derived({f"tree {seed}": tree(random.Random(seed)) for seed in range(first, first + 100)})


@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 2**40))
def test_neither_order_nor_repeats_matter(seed: int) -> None:
    chance = random.Random(seed)
    spans = {tenant: _normal(tree(random.Random(seed + tenant))) for tenant in range(20)}
    shuffled = {tenant: chance.sample(each, len(each)) + each[: chance.randint(0, 3)] for tenant, each in spans.items()}
    for one, other in zip(derived(spans), derived(shuffled), strict=True):
        key = [name for name in (*_KEY, one.columns[1], "Entry", "Day") if name in one.columns]
        assert one.sort(key).equals(other.sort(key))


def test_a_chain_as_deep_as_a_client_likes() -> None:
    between = repeated(_span("", {}), MANY, SpanId=_numbers(1), ParentSpanId=_numbers(0))
    ends = columns_of({0: [_span("0", AGENT), _span("end", CHAT | USAGE, str(MANY))]})
    found = derived_of(pl.concat([between, ends]))
    assert found.executions.select("ExecutionId", "ModelCalls").rows() == [(b"0", 1)]


def test_executions_as_deep_as_a_client_likes() -> None:
    found = derived_of(_agents_with_calls(_numbers(-1))).executions
    totals = dict(found.select("ExecutionId", "TotalModelCalls").rows())
    # 128 levels.
    assert [totals[str(number).encode()] for number in (0, MANY - 129, MANY - 128, MANY - 2)] == [128, 128, 128, 2]


def test_executions_in_one_as_many_as_a_client_likes() -> None:
    root = columns_of({0: [_span("root", AGENT)]})
    found = derived_of(pl.concat([root, _agents_with_calls(pl.lit(b"root"))])).executions
    totals = found.filter(pl.col("ExecutionId") == b"root").select("TotalModelCalls", "TotalInputTokens")
    assert totals.rows() == [(MANY, 10 * MANY)]


def test_calls_of_one_response_id_as_many_as_a_client_likes() -> None:
    """A program whose answers all have one id, seen by two instrumentations: each call counts once."""
    call = _span("", CHAT | USAGE | {"gen_ai.response.id": "constant"}, "root")
    later = pl.duration(seconds=10 * pl.int_range(MANY), time_unit="ns")
    times = {"StartedAt": pl.col("StartedAt") + later, "EndedAt": pl.col("EndedAt") + later}
    one = repeated(call, MANY, SpanId=_numbers(0), **times)
    another = repeated(replace(call, scope="other", start=call.start + 1), MANY, SpanId=_numbers(MANY), **times)
    root = columns_of({0: [_span("root", AGENT)]})
    assert derived_of(pl.concat([root, one, another])).calls.height == MANY


@pytest.mark.parametrize("most", [2**64 - 1, 2**63])
def test_a_sum_that_64_bits_cannot_hold_is_unknown(most: int) -> None:
    calls = [_span(f"c{number}", CHAT | USAGE, "a") for number in range(2)]
    used = [replace(call, reported=Report({"InputTokens": most}, [])) for call in calls]
    found = derived({0: [_span("a", AGENT), *used]}).executions
    assert found.select("InputTokens", "TotalInputTokens", "ModelCalls").rows() == [(None, None, 2)]


def test_times_that_64_bits_of_nanoseconds_just_hold_do_not_wrap() -> None:
    first, last = -(2**63), 2**63 - 1
    priced = CHAT | USAGE | {"gen_ai.usage.cost": "0.25"}
    calls = [_span(str(time), priced, "never", Timestamp=time, Duration=0) for time in (first, last)]
    found = derived({0: calls})
    assert found.executions["DurationMs"].to_list() == [pytest.approx((last - first) / 1e6)]
    spent = found.entries.filter(pl.col("Entry") == b"spend").explode("Spent").unnest("Spent")
    assert sorted(time.year for time in spent["At"].drop_nulls()) == [1677, 2262]


_KEY = ("Tenant", "TraceId")
_INTEGERS = ("StartedAt", "EndedAt")


def _assert_derived(rows: Mapping[str, Iterable[Row]]) -> None:
    names = list(rows)
    found = derived({number: _normal(rows[name]) for number, name in enumerate(names)})
    executions, calls = (_rows(each, key) for each, key in ((found.executions, "ExecutionId"), (found.calls, "SpanId")))
    for number, name in enumerate(names):
        wanted_executions, wanted_calls = expected(rows[name])
        assert_equal(executions.get(number, {}), wanted_executions)
        assert_equal(calls.get(number, {}), wanted_calls)


def _rows(found: pl.DataFrame, key: str) -> dict[int, dict[tuple[str, str], dict[str, Any]]]:
    by_tenant: dict[int, dict[tuple[str, str], dict[str, Any]]] = {}
    for row in found.with_columns(pl.col(*_INTEGERS).to_physical()).iter_rows(named=True):
        texts = {name: _text(value) for name, value in row.items()}
        by_tenant.setdefault(row["Tenant"], {})[texts["TraceId"], texts[key]] = texts
    return by_tenant


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {_text(key): each for key, each in value.items()}
    return [_text(each) for each in value] if isinstance(value, list) else value


def _normal(rows: Iterable[Row]) -> list[NormalSpan]:
    return [normal for row in rows if (normal := normalise(row))]


def _span(span_id: str, attributes: Mapping[str, str], parent_id: str = "", **columns: Any) -> NormalSpan:
    normal = normalise(span(span_id, attributes, parent_id, **columns))
    assert normal
    return normal


def _agents_with_calls(parents: pl.Series | pl.Expr) -> pl.DataFrame:
    """An agent below each of these, and a call below each agent. No agent is called as the one above it."""
    names = pl.Series([b"a", b"b"] * (MANY // 2))
    agents = repeated(_span("", AGENT), MANY, SpanId=_numbers(0), ParentSpanId=parents, AgentName=names)
    return pl.concat([agents, repeated(_span("", CHAT | USAGE), MANY, SpanId=_numbers(MANY), ParentSpanId=_numbers(0))])


def _numbers(first: int) -> pl.Series:
    return pl.Series(range(first, first + MANY)).cast(pl.String).cast(pl.Binary)
