"""How long an acknowledgement takes, and how long until what it stands for can be queried, at an even rate."""

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import quantiles

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench import client, spans
from bench.processes import Spanhouse
from bench.report import Figure

RUNS = 3
SECONDS = 20
SPANS_PER_S = 2_000
CLIENTS = 100
SATURATION_SPANS = 400_000


def measure(directory: Path) -> list[Figure]:
    """Milliseconds to the acknowledgement, and seconds from it to the row, at 2,000 spans/s and at saturation."""
    p50, p99, steady, saturated = [], [], [], []
    flood = spans.requests(SATURATION_SPANS, seed=RUNS)
    for run in range(RUNS):
        installation = Spanhouse(directory / f"latency-{run}")
        with installation.running():
            taken: list[float] = []
            bodies = spans.requests(SECONDS * SPANS_PER_S, seed=run)
            steady.append(_p95_lag_s(installation, partial(_send_evenly, installation, bodies, taken)))
            saturated.append(_p95_lag_s(installation, partial(_send_all, installation, flood)))
        cuts = quantiles(taken, n=100)
        p50.append(cuts[49] * 1000)
        p99.append(cuts[98] * 1000)
    return [
        Figure("acknowledgement at 2,000 spans/s, 100 clients, p50", "ms", p50, "≤ 10"),
        Figure("acknowledgement at 2,000 spans/s, 100 clients, p99", "ms", p99, "≤ 50"),
        Figure("acknowledged → queryable at 2,000 spans/s, p95", "s", steady, "≤ 1"),
        Figure("acknowledged → queryable at saturation, p95", "s", saturated, "≤ 3"),
    ]


def _send_evenly(installation: Spanhouse, bodies: list[bytes], taken: list[float]) -> None:
    """Send at the steady rate, and add to `taken` the seconds to each acknowledgement."""
    rate = SPANS_PER_S / spans.SPANS_PER_REQUEST
    taken.extend(asyncio.run(client.send_at(installation.http, bodies, CLIENTS, rate)))


def _send_all(installation: Spanhouse, bodies: list[bytes]) -> None:
    asyncio.run(client.send(installation.http, bodies, 16, "application/x-protobuf"))


def _p95_lag_s(installation: Spanhouse, load: Callable[[], None]) -> float:
    """The 95th percentile of what probes saw, one after the other, while `load` ran."""
    lags: list[float] = []
    over = threading.Event()
    prober = threading.Thread(target=_probe, args=(installation, over, lags))
    prober.start()
    try:
        load()
    finally:
        over.set()
        prober.join()
    return quantiles(lags, n=20)[-1]


def _probe(installation: Spanhouse, over: threading.Event, lags: list[float]) -> None:
    """Send one span, ask for it until it is there, note the seconds; again and again."""
    number = 0
    while not over.is_set() or len(lags) < 2:
        number += 1
        trace_id = number.to_bytes(8, "big") + time.time_ns().to_bytes(8, "big")
        installation.send(_one_span(trace_id))
        acknowledged = time.perf_counter()
        query = f"SELECT count() FROM spanhouse.otel_traces WHERE TraceId = '{trace_id.hex()}'"
        while installation.ask(query) == "0":
            time.sleep(0.02)
        lags.append(time.perf_counter() - acknowledged)


def _one_span(trace_id: bytes) -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = trace_id, trace_id[8:], "probe"
    span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
    return request.SerializeToString()
