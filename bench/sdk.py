"""What the SDK costs the agent: to import, to set up, to call; and to call while nobody takes what it sends."""

import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles

import psutil

import spanhouse
from bench.processes import free_port
from bench.report import Figure

RUNS = 5
AGENTS = 100
SPANS_PER_S = 10_000
USUAL_S = 20
OUTAGE_S = 60


def measure(_: Path) -> list[Figure]:
    """All of it."""
    return [*_set_up(), *_outage()]


def _set_up() -> list[Figure]:
    """Milliseconds, each in a process of its own: what a second one in the same process would find done."""
    imported = [_seconds_of("import spanhouse", after="import opentelemetry.sdk.trace") * 1e3 for _ in range(RUNS)]
    initialised = [_seconds_of("spanhouse.init(instrument=False)", after="import spanhouse") * 1e3 for _ in range(RUNS)]
    return [
        Figure("import spanhouse, over OpenTelemetry's SDK", "ms", imported, "≤ 50"),
        Figure("init() without instrumentors", "ms", initialised, "≤ 150"),
    ]


def _seconds_of(statement: str, *, after: str) -> float:
    measured = f"began = now()\n{statement}\nprint(now() - began, flush=True)"
    # It does not come to its end, where it would look for a receiver.
    program = f"import os\nfrom time import perf_counter as now\n{after}\n{measured}\nos._exit(0)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)


def _outage() -> list[Figure]:
    """A hundred runs with a hundred calls a second each, while the receiver is there, then for a minute without it."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    with _receiver() as port:
        agent = context.Process(target=_run_agents, args=(port, theirs))
        agent.start()
        usual, rate = ours.recv()
        before = psutil.Process(agent.pid).memory_info().rss
    ours.send("it is gone")
    away, _ = ours.recv()
    held = psutil.Process(agent.pid).memory_info().rss
    dropped = ours.recv()
    agent.join()
    return [
        Figure("spans a second from 100 runs", "1/s", [rate]),
        Figure("a call's p99.9, receiver there", "ms", [usual * 1e3]),
        Figure("a call's p99.9 during a minute without receiver, more than usual", "ms", [(away - usual) * 1e3], "≤ 5"),
        Figure("memory after that minute, more than before", "MiB", [(held - before) / 2**20], "≤ 128"),
        Figure("spans dropped in that minute, and counted", "", [float(dropped)]),
    ]


def _run_agents(port: int, pipe: "Connection[object, object]") -> None:
    spanhouse.init("bench", endpoint=f"http://127.0.0.1:{port}", instrument=False)
    _calls(3)
    taken, rate = _calls(USUAL_S)
    pipe.send((_p999(taken), rate))
    pipe.recv()
    before = spanhouse.dropped()["spans"]
    taken, rate = _calls(OUTAGE_S)
    pipe.send((_p999(taken), rate))
    time.sleep(1)
    pipe.send(spanhouse.dropped()["spans"] - before)
    spanhouse.shutdown(0)


def _calls(seconds: float) -> tuple[list[float], float]:
    """How long each call took, and how many there were in a second."""
    taken: list[float] = []
    began = time.perf_counter()
    threads = [threading.Thread(target=_run_agent, args=(began + seconds, taken)) for _ in range(AGENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken, len(taken) / (time.perf_counter() - began)


def _run_agent(until: float, taken: list[float]) -> None:
    now = time.perf_counter
    due = now()
    with spanhouse.agent("busy"):
        while due < until:
            began = now()
            _no_op(1)
            taken.append(now() - began)
            due += AGENTS / SPANS_PER_S
            time.sleep(max(0.0, due - now()))


@spanhouse.tool
def _no_op(value: int) -> int:
    return value


def _p999(taken: list[float]) -> float:
    return quantiles(taken, n=1_000)[-1]


@contextmanager
def _receiver() -> Generator[int]:
    """The port of a receiver that takes everything, in a process of its own, gone after the block."""
    port = free_port()
    process = get_context("spawn").Process(target=_take_everything, args=(port,), daemon=True)
    process.start()
    try:
        yield port
    finally:
        process.kill()
        process.join()


def _take_everything(port: int) -> None:
    ThreadingHTTPServer(("127.0.0.1", port), _Taking).serve_forever()


class _Taking(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
