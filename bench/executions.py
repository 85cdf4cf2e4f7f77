"""What executions cost the whole pipeline, and how soon they are there: runs of agents, sent to a real `spanhouse up`.

"Alone" is the same process without the views that read spans as agents': then nothing is ever touched, and so nothing
settled. With them, the clock stops when every run is in `agent_executions`.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles

from bench import client, runs
from bench.processes import Spanhouse
from bench.report import Figure

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
# In which a request is loaded, settled and counted; less than until the next sweep, mostly.
_LONE_S = 8.0
PROTOBUF = "application/x-protobuf"
Probe = Callable[[bytes], tuple[bytes, str]]
"""Of a trace id: a request with one run, and a query whose answer is 0 until that is there."""
VIEWS = ("response_ids_mv", "touched_traces_mv", "agent_spans_mv")


def measure(directory: Path) -> list[Figure]:
    """Spans per CPU second with executions and without them, their ratio, and seconds until an execution is there."""
    alone = [_spans_per_cpu_s(directory / f"alone-{run}", run, layer=False) for run in range(RUNS)]
    layered = [_spans_per_cpu_s(directory / f"layered-{run}", run, layer=True) for run in range(RUNS)]
    ratios = [with_ / without for with_, without in zip(layered, alone, strict=True)]
    lags = [p95_lag_s(Spanhouse(directory / f"lag-{run}"), run, _execution) for run in range(LATENCY_RUNS)]
    return [
        Figure("runs of agents, the pipeline alone", "spans/CPU-s", alone),
        Figure("runs of agents, with executions", "spans/CPU-s", layered),
        Figure("with executions / alone", "ratio", ratios, "≥ 0.45"),
        Figure("acknowledged → in agent_executions at 2,000 spans/s, p95", "s", lags, "≤ 1.2"),
        Figure("a lone run of ten spans: loaded, settled, counted", "CPU s", _lone_runs(directory / "lone"), "≤ 0.35"),
    ]


def _lone_runs(directory: Path) -> list[float]:
    """CPU seconds of one request each, until its day is counted, less those of an idle process."""
    installation = Spanhouse(directory)
    with installation.running() as process:
        _send_and_wait(installation, runs.requests(WARM_UP_SPANS, WARM_UP_SEED), WARM_UP_SPANS, layer=True)
        time.sleep(_LONE_S)
        figures = []
        for run in range(RUNS):
            process.reset()
            time.sleep(_LONE_S)
            idle = process.cpu_s
            process.reset()
            asyncio.run(client.send(installation.http, [runs.one_run(run)], 1, PROTOBUF))
            time.sleep(_LONE_S)
            figures.append(process.cpu_s - idle)
    return figures


def _spans_per_cpu_s(directory: Path, seed: int, layer: bool) -> float:
    installation = Spanhouse(directory)
    with installation.running() as process:
        for view in () if layer else VIEWS:
            installation.ask(f"DROP TABLE spanhouse.{view} SYNC")
        _send_and_wait(installation, runs.requests(WARM_UP_SPANS, WARM_UP_SEED), WARM_UP_SPANS, layer)
        bodies = runs.requests(SPANS, seed)
        process.reset()
        _send_and_wait(installation, bodies, WARM_UP_SPANS + SPANS, layer)
        return SPANS / process.cpu_s


def _send_and_wait(installation: Spanhouse, bodies: list[bytes], total: int, layer: bool) -> None:
    """Send everything; wait until there are so many spans, and with the layer as many executions as they tell of."""
    asyncio.run(client.send(installation.http, bodies, CONNECTIONS, PROTOBUF))
    installation.wait_for_rows("otel_traces", total)
    if layer:
        installation.wait_for_rows("agent_executions FINAL", total // runs.SPANS_PER_RUN)


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
