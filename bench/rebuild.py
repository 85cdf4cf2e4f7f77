"""The rebuild of a day after a price has changed, by how many executions the day has: seconds, and memory."""

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from bench import generated
from bench.report import Figure
from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migrate
from spanhouse_schema.derive import settling

EXECUTIONS = (100_000, 1_000_000)
_SPANHOUSE = (sys.executable, "-m", "spanhouse.cli")


def measure(directory: Path) -> list[Figure]:
    """One run each: the larger takes a quarter of an hour, and some gigabytes of disk."""
    return [figure for executions in EXECUTIONS for figure in _rebuild(directory / str(executions), executions)]


def _rebuild(directory: Path, executions: int) -> list[Figure]:
    # In a process of its own: an engine opens one directory in its life.
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        settled_s = processes.submit(_fill, directory, executions).result()
    price = ("openai", "gpt-5", "--input", "2", "--output", "12", "--tenant", generated.TENANT)
    _run(directory, "prices", "set", *price)
    answer, seconds, cpu_s, peak_mib = _run(
        directory, "rebuild", "--day", datetime.now(UTC).date().isoformat(), "--json"
    )
    if json.loads(answer)["changed"] != executions:
        raise RuntimeError(
            f"the rebuild says {answer!r} of {executions} executions, each of which costs something else"
        )
    return [
        Figure(f"settling {executions:,} executions of 10 spans", "s", [settled_s]),
        Figure(
            f"rebuild of a day of {executions:,} executions", "s", [seconds], "≤ 120" if executions == 10**6 else ""
        ),
        Figure("the same, of both cores", "CPU s", [cpu_s]),
        Figure("the same, peak memory", "MiB", [peak_mib]),
    ]


def _fill(directory: Path, executions: int) -> float:
    """Store a day's raw spans, settle them, and say how many seconds that took."""
    with closing(Database.open(Settings.load(data_dir=directory))) as database:
        migrate.upgrade(database)
        generated.add_raw(database, 0, executions)
        began = perf_counter()
        settling.settle(database)
        return perf_counter() - began


def _run(directory: Path, *command: str) -> tuple[bytes, float, float, float]:
    """What a command printed, its seconds, its CPU seconds and its greatest memory in MiB."""
    began = perf_counter()
    process = subprocess.Popen([*_SPANHOUSE, *command, "--data-dir", str(directory)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        answer = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"spanhouse {' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return answer, perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
