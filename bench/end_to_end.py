"""From the socket to queryable rows: spans per CPU second of all processes, beside a collector written in Rust.

Spanhouse is `spanhouse up`: with everything, until each call is counted in its day, and the raw pipeline alone, until
each span is a raw row. The peer is rotel (its PyPI wheel), writing through the same SQL door into the same engine and
the same raw table, behind which nothing else hangs. The load comes from this process, which is not counted; merges are.
"""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from bench import client, spans
from bench.processes import Measured, Spanhouse, free_port, running, wait_for_port
from bench.report import Figure, both

RUNS = 5
SPANS = 100_000
WARM_UP_SPANS = 1_000
CONNECTIONS = 8
PROTOBUF, JSON = "application/x-protobuf", "application/json"


def measure(directory: Path) -> list[Figure]:
    """Spans per CPU second end to end: protobuf, JSON, the peer; the ratio; peak memory; bytes on disk per span."""
    raw, everything, raw_json, json, rotel = (_Throughput() for _ in range(5))
    for run in range(RUNS):
        bodies = spans.requests(SPANS, seed=run)
        _measure_ours(Spanhouse(directory / f"raw-{run}", raw_alone=True), bodies, PROTOBUF, raw)
        _measure_ours(Spanhouse(directory / f"everything-{run}"), bodies, PROTOBUF, everything)
        json_bodies = [spans.as_json(body) for body in bodies]
        _measure_ours(Spanhouse(directory / f"raw-json-{run}", raw_alone=True), json_bodies, JSON, raw_json)
        _measure_ours(Spanhouse(directory / f"json-{run}"), json_bodies, JSON, json)
        if find_spec("rotel"):
            _measure_rotel(Spanhouse(directory / f"rotel-{run}", raw_alone=True), bodies, rotel)
    return [
        *both("end to end, OTLP/HTTP protobuf", "spans/CPU-s", raw.per_cpu_s, everything.per_cpu_s),
        *_beside_rotel(raw, rotel),
        *both("end to end, OTLP/JSON", "spans/CPU-s", raw_json.per_cpu_s, json.per_cpu_s, ("≥ 30,000", "", "")),
        *both("end to end, wall clock", "spans/s", raw.per_s, everything.per_s),
        *both("peak memory at saturation", "MiB", raw.peak_mib, everything.peak_mib, ("", "≤ 1,536", "")),
        Figure("OTLP bytes of a span", "bytes", raw.sent_bytes),
        *both("bytes on disk of a span", "bytes", raw.stored_bytes, everything.stored_bytes),
    ]


def _beside_rotel(raw: "_Throughput", rotel: "_Throughput") -> list[Figure]:
    if not rotel.per_cpu_s:
        print("rotel is not installed, and so not measured; `make bench` installs it")
        return []
    ratios = [mine / peer for mine, peer in zip(raw.per_cpu_s, rotel.per_cpu_s, strict=True)]
    return [
        Figure("end to end, rotel through the same door, raw alone", "spans/CPU-s", rotel.per_cpu_s),
        Figure("end to end, Spanhouse / rotel, raw alone", "ratio", ratios, "≥ 2"),
    ]


class _Throughput:
    """What the runs of one side gave."""

    def __init__(self) -> None:
        self.per_cpu_s: list[float] = []
        self.per_s: list[float] = []
        self.peak_mib: list[float] = []
        self.sent_bytes: list[float] = []
        self.stored_bytes: list[float] = []


def _measure_ours(installation: Spanhouse, bodies: list[bytes], content_type: str, result: _Throughput) -> None:
    with installation.running() as process:
        _warm_up(installation, installation.http, content_type)
        process.reset()
        wall = _send_and_wait(installation, installation.http, bodies, content_type)
        result.per_cpu_s.append(SPANS / process.cpu_s)
        result.per_s.append(SPANS / wall)
        result.peak_mib.append(process.peak_rss_bytes / 2**20)
        result.sent_bytes.append(sum(map(len, bodies)) / SPANS)
        result.stored_bytes.append(_stored_bytes(installation))


def _measure_rotel(installation: Spanhouse, bodies: list[bytes], result: _Throughput) -> None:
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
    # Of no run: and -1 would be the seed that 1 is.
    bodies = spans.requests(WARM_UP_SPANS, seed=RUNS)
    if content_type == JSON:
        bodies = [spans.as_json(body) for body in bodies]
    asyncio.run(client.send(address, bodies, 1, content_type))
    installation.wait_until_done(WARM_UP_SPANS, _calls(WARM_UP_SPANS))


def _send_and_wait(installation: Spanhouse, address: str, bodies: list[bytes], content_type: str) -> float:
    """Send everything, wait until all that is made of it is there, and return the seconds that took."""
    start = asyncio.run(_timed(address, bodies, content_type))
    installation.wait_until_done(WARM_UP_SPANS + SPANS, _calls(WARM_UP_SPANS + SPANS))
    return time.perf_counter() - start


def _calls(count: int) -> int:
    return count // spans.SPANS_PER_TRACE * spans.CALLS_PER_TRACE


async def _timed(address: str, bodies: list[bytes], content_type: str) -> float:
    start = time.perf_counter()
    await client.send(address, bodies, CONNECTIONS, content_type)
    return start


def _stored_bytes(installation: Spanhouse) -> float:
    query = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND startsWith(database, 'spanhouse')"
    return float(installation.ask(query)) / (WARM_UP_SPANS + SPANS)
