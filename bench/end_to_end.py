"""From the socket to queryable rows: spans per CPU second of all processes, beside a collector written in Rust.

Spanhouse is `spanhouse up`. The peer is rotel (its PyPI wheel), writing through the same SQL door into the same engine
and the same table. The load comes from this process, which is not counted; merges are, on both sides.
"""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from bench import client, spans
from bench.processes import Measured, Spanhouse, free_port, running, wait_for_port
from bench.report import Figure

RUNS = 5
SPANS = 100_000
CONNECTIONS = 8
PROTOBUF, JSON = "application/x-protobuf", "application/json"


def measure(directory: Path) -> list[Figure]:
    """Spans per CPU second end to end: protobuf, JSON, the peer; the ratio; peak memory; bytes on disk per span."""
    ours = _Throughput()
    json = _Throughput()
    theirs = _Throughput()
    for run in range(RUNS):
        bodies = spans.requests(SPANS, seed=run)
        _measure_ours(directory / f"ours-{run}", bodies, PROTOBUF, ours)
        _measure_ours(directory / f"json-{run}", [spans.as_json(body) for body in bodies], JSON, json)
        _measure_rotel(directory / f"rotel-{run}", bodies, theirs)
    ratios = [mine / peer for mine, peer in zip(ours.per_cpu_s, theirs.per_cpu_s, strict=True)]
    return [
        Figure("end to end, OTLP/HTTP protobuf", "spans/CPU-s", ours.per_cpu_s),
        Figure("end to end, rotel through the same door", "spans/CPU-s", theirs.per_cpu_s),
        Figure("end to end, Spanhouse / rotel", "ratio", ratios, "≥ 2"),
        Figure("end to end, OTLP/JSON", "spans/CPU-s", json.per_cpu_s, "≥ 30,000"),
        Figure("end to end, wall clock", "spans/s", ours.per_s),
        Figure("peak memory at saturation", "MiB", ours.peak_mib, "≤ 1,536"),
        Figure("OTLP bytes of a span", "bytes", ours.sent_bytes),
        Figure("bytes on disk of a span", "bytes", ours.stored_bytes),
    ]


class _Throughput:
    """What the runs of one side gave."""

    def __init__(self) -> None:
        self.per_cpu_s: list[float] = []
        self.per_s: list[float] = []
        self.peak_mib: list[float] = []
        self.sent_bytes: list[float] = []
        self.stored_bytes: list[float] = []


def _measure_ours(directory: Path, bodies: list[bytes], content_type: str, result: _Throughput) -> None:
    installation = Spanhouse(directory)
    with installation.running() as process:
        _warm_up(installation, installation.http, content_type)
        process.reset()
        wall = _send_and_wait(installation, installation.http, bodies, content_type)
        result.per_cpu_s.append(SPANS / process.cpu_s)
        result.per_s.append(SPANS / wall)
        result.peak_mib.append(process.peak_rss_bytes / 2**20)
        result.sent_bytes.append(sum(map(len, bodies)) / SPANS)
        result.stored_bytes.append(_stored_bytes(installation))


def _measure_rotel(directory: Path, bodies: list[bytes], result: _Throughput) -> None:
    installation = Spanhouse(directory)
    with installation.running("engine") as engine, _rotel(installation) as (rotel, address):
        _warm_up(installation, address, PROTOBUF)
        engine.reset()
        rotel.reset()
        _send_and_wait(installation, address, bodies, PROTOBUF)
        result.per_cpu_s.append(SPANS / (engine.cpu_s + rotel.cpu_s))


@contextmanager
def _rotel(installation: Spanhouse) -> Generator[tuple[Measured, str]]:
    address = f"127.0.0.1:{free_port()}"
    environment = {
        "ROTEL_OTLP_HTTP_ENDPOINT": address,
        "ROTEL_OTLP_GRPC_ENDPOINT": f"127.0.0.1:{free_port()}",
        "ROTEL_EXPORTER": "clickhouse",
        "ROTEL_CLICKHOUSE_EXPORTER_ENDPOINT": f"http://{installation.sql}",
        "ROTEL_CLICKHOUSE_EXPORTER_DATABASE": "spanhouse",
        "ROTEL_CLICKHOUSE_EXPORTER_USER": "default",
        "ROTEL_CLICKHOUSE_EXPORTER_PASSWORD": installation.secret,
    }
    program = files("rotel").joinpath("rotel-agent")
    with running([str(program), "start"], installation.directory, environment) as process:
        wait_for_port(address, process)
        yield process, address


def _warm_up(installation: Spanhouse, address: str, content_type: str) -> None:
    bodies = spans.requests(1_000, seed=-1)
    if content_type == JSON:
        bodies = [spans.as_json(body) for body in bodies]
    asyncio.run(client.send(address, bodies, 1, content_type))
    installation.wait_for_rows("otel_traces", 1_000)


def _send_and_wait(installation: Spanhouse, address: str, bodies: list[bytes], content_type: str) -> float:
    """Send everything, wait until all of it can be queried, and return the seconds that took."""
    start = asyncio.run(_timed(address, bodies, content_type))
    installation.wait_for_rows("otel_traces", 1_000 + SPANS)
    return time.perf_counter() - start


async def _timed(address: str, bodies: list[bytes], content_type: str) -> float:
    start = time.perf_counter()
    await client.send(address, bodies, CONNECTIONS, content_type)
    return start


def _stored_bytes(installation: Spanhouse) -> float:
    query = "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND table = 'otel_traces'"
    return float(installation.ask(query))
