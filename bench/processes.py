"""Processes under measurement: started with ports of their own, accounted by the kernel, always ended."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from bench import raw

START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 60.0
WAIT_PATIENCE_S = 120.0


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Measured:
    """A running process, its log, and what it has used since `reset`."""

    def __init__(self, popen: "subprocess.Popen[bytes]", log: Path) -> None:
        self.log = log
        self._popen = popen
        self._process = psutil.Process(popen.pid)
        self._before = 0.0

    def reset(self) -> None:
        """Count CPU from here on."""
        self._before = self._used()

    @property
    def cpu_s(self) -> float:
        """CPU seconds, user and system, of the process and its children since `reset`."""
        return self._used() - self._before

    @property
    def peak_rss_bytes(self) -> int:
        """The most memory that the process ever held."""
        status = Path(f"/proc/{self._popen.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024

    @property
    def rss_bytes(self) -> int:
        """The memory that the process holds now."""
        return int(self._process.memory_info().rss)

    def stop(self) -> None:
        """End the process, politely first."""
        self._popen.terminate()
        try:
            self._popen.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait(STOP_PATIENCE_S)

    def _used(self) -> float:
        total = 0.0
        for process in [self._process, *self._process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total


@contextmanager
def running(command: Sequence[str | Path], directory: Path, environment: dict[str, str]) -> Generator[Measured]:
    """Run `command` with its log in `directory`, and end it afterwards."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / f"{Path(command[0]).name}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, **environment},
        )
        process = Measured(popen, log)
        try:
            yield process
        finally:
            process.stop()


class Spanhouse:
    """The addresses and the environment of one Spanhouse installation in a directory of its own.

    With everything that is made of spans, or with the raw pipeline alone.
    """

    def __init__(self, directory: Path, *, raw_alone: bool = False) -> None:
        self.directory = directory
        self._raw_alone = raw_alone
        self.http, self.grpc, self.sql = (f"127.0.0.1:{free_port()}" for _ in range(3))
        # One for all: to make a client costs 20 ms of CPU, beside what is measured.
        self._client = httpx.Client(timeout=60)
        self.environment = {
            "SPANHOUSE_DATA_DIR": str(directory / "data"),
            "SPANHOUSE_OTLP_HTTP": self.http,
            "SPANHOUSE_OTLP_GRPC": self.grpc,
            "SPANHOUSE_SQL": self.sql,
        }

    @contextmanager
    def running(self, command: str = "up") -> Generator[Measured]:
        """Run `spanhouse <command>` until it is ready to be used."""
        # -P: our modules do not stand before others' of the same name.
        program = ["-P", raw.__file__] if self._raw_alone else ["-m", "spanhouse.cli"]
        with running([sys.executable, *program, command], self.directory, self.environment) as process:
            probe = f"http://{self.http}/ready" if command != "engine" else f"http://{self.sql}/ping"
            wait_for(probe, process)
            if self._raw_alone:
                raw.drop_derivation(self.ask)
            yield process

    @property
    def secret(self) -> str:
        """The password of the SQL door."""
        return (self.directory / "data" / "admin.key").read_text().strip()

    def ask(self, query: str) -> str:
        """The answer of the SQL door, as tab-separated text."""
        headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": self.secret}
        answer = self._client.post(f"http://{self.sql}/", content=query, headers=headers)
        answer.raise_for_status()
        return answer.text.strip()

    def send(self, request: bytes) -> None:
        """Send a trace request, as protobuf, over OTLP/HTTP, and return once it is acknowledged."""
        headers = {"Content-Type": "application/x-protobuf"}
        self._client.post(f"http://{self.http}/v1/traces", content=request, headers=headers).raise_for_status()

    def calls_counted(self) -> int:
        """So many calls of models are counted in their days."""
        return int(self.ask("SELECT sum(llm_calls) FROM spanhouse.model_usage_daily"))

    def wait_for_rows(self, table: str, count: int) -> None:
        """Return once `table` holds `count` rows. Raises `TimeoutError`, also when it holds more."""
        _wait_until(count, lambda: int(self.ask(f"SELECT count() FROM spanhouse.{table}")), f"rows of {table}")

    def wait_until_done(self, spans: int, calls: int) -> None:
        """Return once so many spans are rows and, with everything, so many calls of models counted in their days.

        Raises `TimeoutError`, also when there are more.
        """
        self.wait_for_rows("otel_traces", spans)
        if not self._raw_alone:
            _wait_until(calls, self.calls_counted, "calls counted")


def _wait_until(count: int, ask: Callable[[], int], what: str) -> None:
    deadline = time.monotonic() + WAIT_PATIENCE_S
    while (found := ask()) != count:
        if time.monotonic() > deadline or found > count:
            raise TimeoutError(f"there are {found} {what} where {count} are right")
        # Seldom: each question costs what is measured here.
        time.sleep(0.5)


def wait_for(url: str, process: Measured) -> None:
    """Return once `url` answers 200. Raises `TimeoutError` with the process's log."""
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(url, timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer; the log says:\n{process.log.read_text()[-2000:]}")


def wait_for_port(address: str, process: Measured) -> None:
    """Return once something listens on `address`. Raises `TimeoutError` with the process's log."""
    host, port = address.split(":")
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=5):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {address}; the log says:\n{process.log.read_text()[-2000:]}")
