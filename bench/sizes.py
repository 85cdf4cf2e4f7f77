"""The cost of one odd trace by its size: nothing may grow with the square of what a client sends.

Each trace is a tenant's, stored as spans that have been read already, and settled by itself: so long, at most, others
wait for it.
"""

import resource
import time
from collections.abc import Mapping
from pathlib import Path

from bench.report import Figure
from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migrate
from spanhouse_schema.derive.settling import Settling

# The shape of a trace, and in how many sizes; columns of a span that differ from a model call's, by its number n.
_SIZES = (1_000, 10_000, 100_000)
_SHAPES: Mapping[str, tuple[tuple[int, ...], dict[str, str]]] = {
    "calls of one run": ((*_SIZES, 1_000_000), {}),
    "runs of one run": (_SIZES, {"Kind": "'agent'", "AgentName": "concat('a', toString(n % 7))"}),
    "spans one below the other": (_SIZES, {"Kind": "'other'", "ParentSpanId": "hex(n)"}),
    "runs one below the other": (
        _SIZES,
        {"Kind": "'agent'", "AgentName": "concat('a', toString(n % 7))", "ParentSpanId": "hex(n)"},
    ),
    "calls of one response id, told twice": (
        _SIZES,
        {"ResponseId": "'constant'", "ScopeName": "toString(n % 2)", "StartedAt": "now64(9) + intDiv(n, 2)"},
    ),
}
_ROOT = {"SpanId": "hex(0)", "StartedAt": "now64(9)", "Kind": "'agent'", "AgentName": "'root'"}
_SPAN = {
    "SpanId": "hex(n + 1)",
    "ParentSpanId": "hex(0)",
    "StartedAt": "now64(9) + toIntervalMillisecond(n)",
    "EndedAt": "StartedAt + toIntervalMillisecond(1)",
    "Kind": "'model'",
    "Provider": "'openai'",
    "ResponseModel": "'gpt-5'",
    "InputTokens": "100",
    "OutputTokens": "10",
}


def measure(directory: Path) -> list[Figure]:
    """Measure the CPU seconds of settling one trace of each shape and size, and the memory held at most."""
    database = Database.open(Settings.load(data_dir=directory))
    migrate.upgrade(database)
    figures = []
    with Settling(database) as settling:
        _settle(settling, database, "warm-up", 100, {})
        for shape, (sizes, columns) in _SHAPES.items():
            for size in sizes:
                used = _settle(settling, database, f"{shape} {size}", size, columns)
                figures.append(Figure(f"{size:,} {shape}", "CPU s", [used]))
        figures.append(Figure("memory at the end of all that, at most", "MiB", [_peak_mib()]))
    database.close()
    return figures


def _settle(settling: Settling, database: Database, tenant: str, size: int, columns: Mapping[str, str]) -> float:
    of_trace = {"TenantId": f"'{tenant}'", "TraceId": "'trace'", "IngestedAt": "now64(3)"}
    _insert(database, {**of_trace, **_ROOT}, 1)
    _insert(database, {**of_trace, **_SPAN, **columns}, size)
    before = time.process_time()
    settling.settle(600)
    return time.process_time() - before


def _insert(database: Database, columns: Mapping[str, str], count: int) -> None:
    values = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    database.command(
        f"INSERT INTO spanhouse.agent_spans ({', '.join(columns)}) "
        f"SELECT {values} FROM (SELECT number AS n FROM numbers({count}))",
        settings={"insert_deduplicate": 0},
    )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
