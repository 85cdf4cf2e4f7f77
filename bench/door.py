"""What the SQL door costs: beside the engine asked in this process, and to the loader while readers are at work.

The reader has no key, which until there is one reads the tenant `default`, through the same gate as with one.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles

from bench import client, spans
from bench.processes import Measured, Spanhouse
from bench.report import Figure
from spanhouse_schema import Connection, Database, Settings

RUNS = 5
QUESTIONS = 500
GIGABYTE = "SELECT number, number * 3 AS b, toString(number) AS c FROM numbers(40000000)"
READERS = 4
SPANS = 200_000
HEAVY = """
SELECT SpanName, quantile(0.9)(Duration), uniqExact(TraceId), sum(length(toString(SpanAttributes)))
FROM otel_traces GROUP BY SpanName
"""
_PIECE_BYTES = 1024 * 1024


def measure(directory: Path) -> list[Figure]:
    """Milliseconds more of a small statement, the speed of a large result, the loader's share beside four readers."""
    settings = Settings.load(data_dir=directory / "in-process")
    installation = Spanhouse(directory / "door")
    with (
        closing(Database.open(settings)) as database,
        database.connect() as engine,
        installation.running("engine") as process,
    ):
        small = [_small(engine, installation) for _ in range(RUNS)]
        large = [_large(engine, installation, process, directory / "result") for _ in range(RUNS)]
    ratios, memory = zip(*large, strict=True)
    return [
        Figure("door over in-process, SELECT 1, p95", "ms more", small, "≤ 3"),
        Figure("1 GB in Native, door / engine to a file", "ratio", ratios, "≥ 0.6"),
        Figure("1 GB in Native through the door, memory", "MiB more", memory, "≤ 200"),
        Figure(
            "loader's throughput with four readers / without",
            "ratio",
            [_beside_readers(directory / f"readers-{run}") for run in range(RUNS)],
            "≥ 0.7",
        ),
    ]


def _small(engine: Connection, installation: Spanhouse) -> float:
    with closing(_connected(installation)) as door:
        through = _p95_ms(lambda: _ask(door, "SELECT 1"))
    return through - _p95_ms(lambda: engine.query("SELECT 1"))


def _p95_ms(ask: Callable[[], object]) -> float:
    taken = []
    for _ in range(QUESTIONS):
        start = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - start) * 1000)
    return quantiles(taken, n=20)[-1]


def _large(engine: Connection, installation: Spanhouse, process: Measured, file: Path) -> tuple[float, float]:
    """The door's speed over the engine's, and the mebibytes that the process held more than before."""
    start = time.perf_counter()
    engine.query(f"{GIGABYTE} INTO OUTFILE '{file}' TRUNCATE FORMAT Native")
    alone = time.perf_counter() - start
    before, most = process.rss_bytes, 0
    with closing(_connected(installation)) as door:
        start = time.perf_counter()
        for received in _pieces(door, GIGABYTE, "Native"):
            if received % 64 == 0:
                most = max(most, process.rss_bytes)
        through = time.perf_counter() - start
    return alone / through, (most - before) / 2**20


def _beside_readers(directory: Path) -> float:
    installation = Spanhouse(directory)
    with installation.running():
        alone = _load(installation, 0)
        with _reading(installation):
            beside = _load(installation, 1)
    return alone / beside


def _load(installation: Spanhouse, round_: int) -> float:
    """The seconds until a flood of spans can be queried."""
    bodies = spans.requests(SPANS, seed=round_)
    start = time.perf_counter()
    asyncio.run(client.send(installation.http, bodies, 8, "application/x-protobuf"))
    installation.wait_for_rows("otel_traces", SPANS * (round_ + 1))
    return time.perf_counter() - start


@contextmanager
def _reading(installation: Spanhouse) -> Generator[None]:
    """Four readers, each with one heavy statement after the other."""
    over = threading.Event()
    readers = [threading.Thread(target=_read, args=(installation, over)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        over.set()
        for reader in readers:
            reader.join()


def _read(installation: Spanhouse, over: threading.Event) -> None:
    with closing(_connected(installation)) as door:
        while not over.is_set():
            _ask(door, HEAVY)


def _connected(installation: Spanhouse) -> HTTPConnection:
    return HTTPConnection(installation.sql, timeout=120)


def _ask(door: HTTPConnection, statement: str) -> None:
    for _ in _pieces(door, statement, "TabSeparated"):
        pass


def _pieces(door: HTTPConnection, statement: str, format_: str) -> Generator[int]:
    """Read a result; gives the number of each piece."""
    door.request("POST", f"/?default_format={format_}", statement)
    reply = door.getresponse()
    if reply.status != 200:
        raise RuntimeError(f"the door answered {reply.status}: {reply.read(500)!r}")
    number = 0
    while reply.read(_PIECE_BYTES):
        number += 1
        yield number
