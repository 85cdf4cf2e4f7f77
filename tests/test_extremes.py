"""The extremes of every number in OTLP, sent to a running `spanhouse up`: nothing throws, nothing wraps.

What stands beside them in the same request is right.
"""

from collections.abc import Generator, Mapping
from typing import Any

import pytest

from tests.oracle import derive, normalise
from tests.reference import TABLES, Receipt, Request, Row, tables
from tests.support.expected_executions import assert_settled
from tests.support.extremes import normal, requests, together
from tests.support.running_up import Up, running
from tests.support.waiting import until

pytestmark = pytest.mark.slow

NEIGHBOUR = 10**6
SENT: Mapping[str, Request] = {
    signal: together(signal, [*requests(signal), normal(signal, NEIGHBOUR)]) for signal in TABLES
}
# What one trace comes to, and which of its columns say when that was written.
_OF_A_TRACE = ("otel_traces", "agent_spans", "agent_executions", "agent_calls", "otel_logs", "execution_events")
_OF_ITS_COMING = {"TenantId", "IngestedAt", "Version", "UpdatedAt", "CameAt", "Fingerprint"}
# What lies between the first and the last time that a column holds, by the unit that a name ends with; and what
# nanoseconds of 64 bits can.
_LONGEST = {"ms": 2**64 / 1e6, "seconds": 2**64 / 1e9, "": 2**63 - 1}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Generator[Up]:
    """All of it is sent, loaded and settled; the neighbours alone, too, each in a tenant of its own."""
    with running(tmp_path_factory.mktemp("extremes"), [*TABLES, *map(_alone, TABLES)]) as up:
        for signal, request in SENT.items():
            assert up.send(signal, request.SerializeToString(), signal).content == b""
            up.send(signal, normal(signal, NEIGHBOUR).SerializeToString(), _alone(signal))
        up.wait_until_loaded()
        runs = len(derive(span for row in _spans() if (span := normalise(row))).executions)
        until(lambda: _count(up, "traces") == runs, timeout_s=60)
        for tenant in (_alone("traces"), "logs", _alone("logs")):
            until(lambda tenant=tenant: _count(up, tenant) > 0)  # type: ignore[misc]  # mypy does not see the default
        yield up


@pytest.mark.parametrize("signal", TABLES)
def test_raw_rows_are_what_was_sent_and_what_no_column_holds_is_told(up: Up, signal: str) -> None:
    up.check(signal, SENT[signal], SENT[signal].SerializeToString(), signal)


def test_runs_and_calls_are_what_the_oracle_says(up: Up) -> None:
    assert_settled(up.database, "traces", _spans())


def test_no_trace_is_set_aside(up: Up) -> None:
    assert up.database.rows("SELECT TraceId, Reason FROM spanhouse.set_aside_traces FINAL") == []


def test_every_table_and_view_is_read_without_an_error_and_no_duration_has_wrapped(up: Up) -> None:
    names = up.database.rows(
        "SELECT name FROM system.tables WHERE database = 'spanhouse' AND engine NOT IN ('Null', 'MaterializedView')"
    )
    for (name,) in names:
        for row in _all(up, name):
            durations = {column: value for column, value in row.items() if "duration" in column.lower() and value}
            wrapped = [column for column, value in durations.items() if _has_wrapped(column.lower(), value)]
            assert not wrapped, (name, durations, row)


def _has_wrapped(column: str, value: Any) -> bool:
    unit = next(unit for unit in _LONGEST if column.endswith(unit))
    return isinstance(value, int | float) and not 0 <= value <= _LONGEST[unit]


@pytest.mark.parametrize("table", [*_OF_A_TRACE, "otel_metrics_gauge"])
def test_what_stands_beside_extremes_is_what_it_is_alone(up: Up, table: str) -> None:
    signal = next(signal for signal in TABLES if table in {*TABLES[signal], *_SIGNALS[signal]})
    alone = _neighbours(up, table, _alone(signal))
    assert len(alone) == 1
    (beside,) = _neighbours(up, table, signal)
    assert {name: value for name, value in beside.items() if value != alone[0][name]} == {}


_SIGNALS = {
    "traces": ("agent_spans", "agent_executions", "agent_calls"),
    "logs": ("execution_events",),
    "metrics": (),
}


def _alone(signal: str) -> str:
    return f"{signal}-alone"


def _spans() -> list[Row]:
    return tables("traces", SENT["traces"], Receipt("", 0, b""))["otel_traces"]


def _count(up: Up, tenant: str) -> int:
    counted = "SELECT count() FROM spanhouse.agent_executions FINAL WHERE TenantId = {tenant:String}"
    return int(up.database.rows(counted, parameters={"tenant": tenant})[0][0])


def _neighbours(up: Up, table: str, tenant: str) -> list[dict[str, Any]]:
    is_it = f"MetricName = 'm{NEIGHBOUR}'" if "metrics" in table else f"TraceId = '{NEIGHBOUR:032x}'"
    of_tenant = f"{table} FINAL WHERE TenantId = '{tenant}' AND {is_it}"
    rows = _all(
        up, of_tenant if table.startswith("agent_e") or table == "agent_calls" else of_tenant.replace(" FINAL", "")
    )
    return [{name: value for name, value in row.items() if name not in _OF_ITS_COMING} for row in rows]


def _all(up: Up, table: str) -> list[dict[str, Any]]:
    name = table.split(maxsplit=1)[0]
    described = up.database.rows(f"DESCRIBE TABLE spanhouse.{name}")
    columns = [str(column[0]) for column in described]
    quoted = ", ".join(f"`{column}`" for column in columns)
    return [dict(zip(columns, row, strict=True)) for row in up.database.rows(f"SELECT {quoted} FROM spanhouse.{table}")]
