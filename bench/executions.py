"""What executions cost the whole pipeline, and how soon they are there: runs of agents, sent to a real `spanhouse up`.

With everything, the clock stops when every call is counted in its day; with the raw pipeline alone, when every span is
a raw row.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles

from bench import client, runs
from bench.processes import Spanhouse
from bench.report import Figure, both

RUNS = 5
SPANS = 200_000
WARM_UP_SPANS = 1_000
# Not -1: Python makes the same of it as of 1.
WARM_UP_SEED = 1_000
CONNECTIONS = 8
LATENCY_RUNS = 3
SECONDS = 20
SPANS_PER_S = 2_000
CLIENTS = 100
# In which a request is loaded, settled and counted. Twice that is over before the settler looks again, ten seconds on.
_LONE_S = 4.5
PROTOBUF = "application/x-protobuf"
Probe = Callable[[bytes], tuple[bytes, str]]
"""Of a trace id: a request with one run, and a query whose answer is 0 until that is there."""


def measure(directory: Path) -> list[Figure]:
    """Spans per CPU second, seconds until an execution is there, and CPU seconds of a run that comes alone."""
    raw, everything = [], []
    for run in range(RUNS):
        raw.append(_spans_per_cpu_s(Spanhouse(directory / f"raw-{run}", raw_alone=True), run))
        everything.append(_spans_per_cpu_s(Spanhouse(directory / f"everything-{run}"), run))
    lags = [p95_lag_s(Spanhouse(directory / f"lag-{run}"), run, _execution) for run in range(LATENCY_RUNS)]
    return [
        *both("runs of agents", "spans/CPU-s", raw, everything, ("", "≥ 28,000", "≥ 0.45")),
        Figure("acknowledged → in agent_executions at 2,000 spans/s, p95", "s", lags, "≤ 1.2"),
        Figure("a lone run of ten spans: loaded, settled, counted", "CPU s", _lone_runs(directory / "lone"), "≤ 0.35"),
    ]


def _lone_runs(directory: Path) -> list[float]:
    """CPU seconds of one request each, until its day is counted, less those of as long a time without one."""
    installation = Spanhouse(directory)
    figures = []
    with installation.running() as process:
        _send_and_wait(installation, runs.requests(WARM_UP_SPANS, WARM_UP_SEED), WARM_UP_SPANS)
        for run in range(1, RUNS + 1):
            process.reset()
            asyncio.run(client.send(installation.http, [runs.one_run(run)], 1, PROTOBUF))
            time.sleep(_LONE_S)
            used = process.cpu_s
            if installation.calls_counted() != _calls(WARM_UP_SPANS + run * runs.SPANS_PER_RUN):
                raise RuntimeError(f"a lone run was not counted within {_LONE_S} seconds")
            process.reset()
            time.sleep(_LONE_S)
            figures.append(used - process.cpu_s)
    return figures


def _spans_per_cpu_s(installation: Spanhouse, seed: int) -> float:
    with installation.running() as process:
        _send_and_wait(installation, runs.requests(WARM_UP_SPANS, WARM_UP_SEED), WARM_UP_SPANS)
        bodies = runs.requests(SPANS, seed)
        process.reset()
        _send_and_wait(installation, bodies, WARM_UP_SPANS + SPANS)
        return SPANS / process.cpu_s


def _send_and_wait(installation: Spanhouse, bodies: list[bytes], total: int) -> None:
    """Send everything; wait until there are so many spans, and all that is made of them."""
    asyncio.run(client.send(installation.http, bodies, CONNECTIONS, PROTOBUF))
    installation.wait_until_done(total, _calls(total))


def _calls(spans: int) -> int:
    return spans // runs.SPANS_PER_RUN * runs.CALLS_PER_RUN


def p95_lag_s(installation: Spanhouse, seed: int, probe: Probe) -> float:
    """The 95th percentile of what probes saw, one after the other, at the even rate: seconds until it was there."""
    bodies = runs.requests(SECONDS * SPANS_PER_S, seed)
    lags: list[float] = []
    over = threading.Event()
    with installation.running():
        prober = threading.Thread(target=_ask_again_and_again, args=(installation, probe, over, lags))
        prober.start()
        try:
            asyncio.run(client.send_at(installation.http, bodies, CLIENTS, SPANS_PER_S / runs.SPANS_PER_REQUEST))
        finally:
            over.set()
            prober.join()
    return quantiles(lags, n=20)[-1]


def _ask_again_and_again(installation: Spanhouse, probe: Probe, over: threading.Event, lags: list[float]) -> None:
    number = 0
    while not over.is_set() or len(lags) < 2:
        number += 1
        body, query = probe(number.to_bytes(8, "big") + time.time_ns().to_bytes(8, "big"))
        installation.send(body)
        acknowledged = time.perf_counter()
        while installation.ask(query) == "0":
            time.sleep(0.1)
        lags.append(time.perf_counter() - acknowledged)


def _execution(trace_id: bytes) -> tuple[bytes, str]:
    query = f"SELECT count() FROM spanhouse.agent_executions WHERE TraceId = '{trace_id.hex()}'"
    return runs.lone_agent(trace_id), query
