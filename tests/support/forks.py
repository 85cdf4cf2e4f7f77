"""Processes that begin with all loaded, which is most of what a short one takes: forks of one that has loaded it.

    subprocess.run([forks.client("commands"), "keys", "list"])

A fork has the arguments, directory, environment and standard streams of its caller. The client ends as its fork does,
hands it the signals that it gets, and takes it along when it is killed. `Fork` is one without a client.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType
from typing import Any

from tests.support.waiting import until

_CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(said).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(said)
    pid = int.from_bytes(server.recv(4), "big")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    code = int.from_bytes(server.recv(2), "big", signed=True)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code if pid else "the process that was to be forked is gone")
"""

_ROOT = Path(__file__).parents[2]
_servers: dict[str, "_Server"] = {}


def client(kind: str) -> Path:
    """Return the program that has a fork made: of `commands`, which is called as `spanhouse` is, or of `programs`.

    The latter is called as `python` is, with a file or with `-`, and has loaded all that `spanhouse.init()` would.
    """
    return _server(kind).client


def end() -> None:
    """End the processes that are forked."""
    for server in _servers.values():
        server.end()
    _servers.clear()


class Fork:
    """A command in a fork, as `subprocess.Popen` would have it: the caller may kill it and wait for it."""

    def __init__(self, arguments: Sequence[str], output: int, env: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self._told = socket.socket(socket.AF_UNIX)
        self._told.connect(str(_server("commands").address))
        said = json.dumps([list(arguments), str(Path.cwd()), dict(env)]).encode()
        with Path(os.devnull).open() as nothing:
            socket.send_fds(self._told, [len(said).to_bytes(4, "big")], [nothing.fileno(), output, output])
        self._told.sendall(said)
        self.pid = int.from_bytes(self._told.recv(4), "big")

    def poll(self) -> int | None:
        """What it ended with, if it has."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """What it ends with. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                code = self._told.recv(2)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("spanhouse", timeout or 0) from None
            self._told.close()
            assert code, "the process that forks is gone"
            self.returncode = int.from_bytes(code, "big", signed=True)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class _Server:
    """A process that has loaded all, and is forked. It ends with the process that started it."""

    def __init__(self, kind: str) -> None:
        directory = Path(mkdtemp(prefix="spanhouse-forks-"))
        self.address, self.client = directory / "address", directory / "client"
        self.client.write_text(_CLIENT.format(python=sys.executable, address=str(self.address)))
        self.client.chmod(0o755)
        command = [sys.executable, "-m", __name__, kind, str(self.address)]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SPANHOUSE_", "OTEL_"))}
        self._process = subprocess.Popen(command, cwd=_ROOT, env=inherited, stdin=subprocess.PIPE)
        until(lambda: self.address.exists() or self._process.poll() is not None, timeout_s=120)
        assert self._process.poll() is None, "what loads all for the tests has failed: see its traceback above"

    def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self.address.unlink()
        self.client.unlink()
        self.address.parent.rmdir()


def _server(kind: str) -> _Server:
    if kind not in _servers:
        _servers[kind] = _Server(kind)
    return _servers[kind]


def _load_commands() -> None:
    """Load everything but the engine: loading it starts threads, and what has threads cannot be forked."""
    for name in import_module("spanhouse_server.commands").COMMANDS:
        import_module(f"spanhouse_server.commands.{name.replace('-', '_')}")
    for module in (
        *("spanhouse_server.query.direct", "spanhouse_schema.clickhouse.revisions", "sqlalchemy.dialects.sqlite"),
        *("rich.progress", "rich.table", "typer._adapters", "encodings.idna"),
    ):
        import_module(module)


def _load_programs() -> None:
    """Load what takes `spanhouse.init()` its time: the instrumentors that are installed, and what they instrument."""
    for module in ("spanhouse._setup", "agents.realtime", "langchain.agents", "openai", "pydantic_ai", "smolagents"):
        import_module(module)
    for each in entry_points(group="opentelemetry_instrumentor"):
        # Those of libraries that are not installed.
        with suppress(ImportError):
            each.load()


def _run_command(arguments: Sequence[str]) -> int:
    code: int = import_module("spanhouse.cli").main(arguments)
    return code


def _run_program(arguments: Sequence[str]) -> int:
    """Run a program as Python does."""
    main = ModuleType("__main__")
    sys.argv = list(arguments)
    name = sys.argv[0]
    if name == "-":
        text = sys.stdin.read()
    else:
        text = Path(name).read_text()
        sys.path[0] = str(Path(name).parent)
        main.__file__ = name
    sys.modules["__main__"] = main
    exec(compile(text, name, "exec"), main.__dict__)
    return 0


_KINDS = {"commands": (_load_commands, _run_command), "programs": (_load_programs, _run_program)}


def _serve(kind: str, address: str) -> None:
    load, run = _KINDS[kind]
    load()
    gc.collect()
    # A fork copies what it writes to: looking for garbage among all that is loaded writes to all of it.
    gc.freeze()
    assert threading.active_count() == 1
    # Polars begins some when it is imported: its allocator's, which know of forks, and one that cleans up files.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    # Whoever answers a client waits for its command; nobody waits for whoever answers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen(64)
        Path(f"{address}.new").rename(address)
        while 0 not in select.select([listener.fileno(), 0], [], [])[0]:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                break
            client.close()
        else:
            return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(client, 4, 3)
    said = client.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
    arguments, directory, variables = json.loads(said)
    child = os.fork()
    if child:
        _watch(child, client, streams)
    client.close()
    _become(streams, directory, variables)
    _end(run, arguments)


def _watch(child: int, client: socket.socket, streams: Sequence[int]) -> None:
    """Tell the client which process it has and what becomes of it. If the client goes, the process goes."""
    for stream in (0, 1, 2, *streams):
        os.close(stream)
    client.sendall(child.to_bytes(4, "big"))

    def follow() -> None:
        if not client.recv(1):
            os.kill(child, signal.SIGKILL)

    threading.Thread(target=follow, daemon=True).start()
    _, status = os.waitpid(child, 0)
    with suppress(BrokenPipeError):
        client.sendall(os.waitstatus_to_exitcode(status).to_bytes(2, "big", signed=True))
    os._exit(0)


def _become(streams: Sequence[int], directory: str, variables: Mapping[str, str]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Whether they are terminals is asked when they are opened.
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115  # they stay open
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()


def _end(run: Any, arguments: Sequence[str]) -> None:
    """Run, and end as Python does, but for taking apart all that was loaded: that takes longer than most commands."""
    code: Any = 1
    try:
        code = run(arguments)
    except SystemExit as ending:
        code = ending.code
        if code is not None and not isinstance(code, int):
            sys.stderr.write(f"{code}\n")
            code = 1
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001  # it is told
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream:
                stream.flush()
    except OSError:
        code = 120
    os._exit(code or 0)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
