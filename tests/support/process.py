"""Real `spanhouse` processes for tests: on free ports, with a data directory of their own, ended by id.

with Spanhouse.start("up", data_dir=tmp_path) as up:
httpx.post(f"{up.http}/v1/traces", ...)
up.sql_text("SELECT count() FROM otel_traces")
up.kill()
"""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx

from tests.support import first_start, forks

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


class Spanhouse:
    """One running `spanhouse up`, `engine` or `collector`; its output is in `log_path`.

    `http`, `grpc` and `sql` are where it was told to listen: a URL, `host:port` and a URL. `verify` is what httpx has
    to be told to trust it.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes] | forks.Fork,
        data_dir: Path,
        log_path: Path,
        ports: dict[str, int],
        certificate: Path | None,
    ) -> None:
        self.process = process
        self.data_dir = data_dir
        self.log_path = log_path
        self.certificate = certificate
        self.verify = ssl.create_default_context(cafile=certificate) if certificate else True
        scheme = "https" if certificate else "http"
        self.http = f"{scheme}://127.0.0.1:{ports['otlp-http']}"
        self.grpc = f"127.0.0.1:{ports['otlp-grpc']}"
        self.sql = f"{scheme}://127.0.0.1:{ports['sql']}"

    @classmethod
    def start(
        cls,
        command: str = "up",
        *,
        data_dir: Path,
        flags: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        ports: dict[str, int] | None = None,
        tls: Path | None = None,
        wait: bool = True,
        fresh: bool = False,
    ) -> Self:
        """Start a command; with `wait` return once it is ready. Fails with its output when it ends before that.

        `tls` is a directory with the cert.pem and key.pem that it shall use.
        `ports` (of an earlier instance, say) has the keys otlp-http, otlp-grpc and sql. `data_dir` has been started on
        before, but for a `fresh` one, whose first start is what the test is about; that one is of Python, too.
        """
        if not fresh and command != "collector":
            started_before(data_dir)
        ports = ports or {name: free_port() for name in ("otlp-http", "otlp-grpc", "sql")}
        addresses = _addresses(command, ports)
        if tls is not None:
            flags = (*flags, "--tls-cert", str(tls / "cert.pem"), "--tls-key", str(tls / "key.pem"))
        data_dir.mkdir(parents=True, exist_ok=True)
        log_path = data_dir.with_name(f"{data_dir.name}-{command}.log")
        arguments = [command, "--data-dir", str(data_dir), *addresses, *flags]
        process: subprocess.Popen[bytes] | forks.Fork
        with log_path.open("ab") as log:
            if fresh:
                process = subprocess.Popen(
                    [*SPANHOUSE, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(env)
                )
            else:
                process = forks.Fork(arguments, log.fileno(), environment(env))
        running = cls(process, data_dir, log_path, ports, tls / "cert.pem" if tls else None)
        if wait:
            try:
                running.wait_until_ready(f"{running.sql}/ping" if command == "engine" else f"{running.http}/ready")
            except BaseException:
                # Nobody else knows of it.
                running.kill()
                raise
        return running

    @property
    def ports(self) -> dict[str, int]:
        """Where it listens, to start another one in the same place."""
        texts = {"otlp-http": self.http, "otlp-grpc": self.grpc, "sql": self.sql}
        return {name: int(text.rpartition(":")[2]) for name, text in texts.items()}

    @property
    def admin_key(self) -> str:
        """The local admin secret of its data directory."""
        return (self.data_dir / "admin.key").read_text().strip()

    def sql_text(self, statement: str) -> str:
        """Run a statement through the SQL door, and return what it answers, stripped."""
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        params = {"database": "spanhouse"}
        answer = httpx.post(self.sql, content=statement, headers=headers, params=params, timeout=60, verify=self.verify)
        assert answer.status_code == 200, answer.text
        return answer.text.strip()

    def assert_audited(self) -> None:
        """Every derived number in it is what it comes to when it is recomputed. Fails with those that are not."""
        audit = run("audit", "--data-dir", str(self.data_dir), timeout_s=400)
        assert audit.returncode == 0, audit.stdout + audit.stderr

    def wait_until_ready(self, url: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Ask `url` until it answers 200. Fails when the process ends or the time is over."""
        deadline = time.monotonic() + timeout_s
        last = "no answer"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n{self.log()}")
            try:
                answer = httpx.get(url, timeout=5, verify=self.verify)
            except httpx.TransportError as error:
                last = repr(error)
            else:
                if answer.status_code == 200:
                    return
                last = answer.text
            time.sleep(0.05)
        raise AssertionError(f"{url} was not ready after {timeout_s} s ({last}):\n{self.log()}")

    def log(self) -> str:
        """Everything that it has printed."""
        return self.log_path.read_text(errors="replace")

    def stop(self, signal_number: int = signal.SIGTERM, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask it to stop, and return its exit code. Kills it and fails when it does not stop in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop within {timeout_s} s:\n{self.log()}") from None

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()


def started_before(data_dir: Path) -> Path:
    """Make `data_dir` what a first start leaves, in much less time, and return it."""
    first_start.copy_to(data_dir, _start_once)
    return data_dir


def _start_once(data_dir: Path) -> None:
    with Spanhouse.start("up", data_dir=data_dir, fresh=True):
        pass


SPANHOUSE = (sys.executable, "-m", "spanhouse.cli")
"""How the command line of the tested installation is called."""


def run(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    timeout_s: float = 60.0,
    fresh: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command of `spanhouse` to its end, in a fork; with `fresh`, by a start of Python."""
    return subprocess.run(
        [*(SPANHOUSE if fresh else (forks.client("commands"),)), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(env),
        cwd=cwd,
        timeout=timeout_s,
        check=False,
    )


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of the tests without Spanhouse's and OpenTelemetry's variables, and with `extra`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SPANHOUSE_", "OTEL_"))}
    return {**inherited, "COLUMNS": "120", **(extra or {})}


def _addresses(command: str, ports: Mapping[str, int]) -> list[str]:
    names = {"engine": ("sql",), "collector": ("otlp-http", "otlp-grpc")}.get(command, tuple(ports))
    return [text for name in names for text in (f"--{name}", f"127.0.0.1:{ports[name]}")]
